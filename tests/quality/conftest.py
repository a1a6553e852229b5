"""What lies in ``planted`` and ``hunted`` leaks on purpose: it is run by the tests here, as a suite of its own."""

collect_ignore = ["planted", "hunted"]
