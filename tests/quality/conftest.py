"""What lies in ``planted`` leaks on purpose: it is run by the tests here, as a suite of its own."""

collect_ignore = ["planted"]
