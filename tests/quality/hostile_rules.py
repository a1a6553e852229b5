"""Rules that try to get out of Lua, or to take more than they are given. Each has a name, its Lua, and how it must end.

``"escape"``: the Lua returns what it got hold of, and that must be nothing: false or nil. ``"refused"``: Lua itself
says no. ``"limit"``: it is ended by a limit. ``"either"``: by a limit or by Lua, whichever comes first.
"""

from __future__ import annotations

HOSTILE: dict[str, tuple[str, str]] = {
    # -- names that must not be there
    "os": ("escape", "return os"),
    "os through _G": ("escape", "return _G.os or _G['o' .. 's']"),
    "io": ("escape", "return io"),
    "package": ("escape", "return package"),
    "require": ("refused", "return require('os')"),
    "load": ("refused", "return load('return 1')()"),
    "loadstring": ("escape", "return loadstring"),
    "loadfile": ("refused", "return loadfile('/etc/passwd')"),
    "dofile": ("refused", "return dofile('/etc/passwd')"),
    "debug": ("escape", "return debug"),
    "debug.sethook": ("refused", "debug.sethook()"),
    "python": ("escape", "return python"),
    "python.eval": ("refused", "return python.eval('1')"),
    "python.builtins": ("refused", "return python.builtins.open('/etc/passwd')"),
    "collectgarbage": ("refused", "collectgarbage('stop')"),
    "warn": ("escape", "return warn"),
    "print": ("escape", "return print"),
    "getfenv": ("escape", "return getfenv or setfenv"),
    "random numbers": ("escape", "return math.random or math.randomseed"),
    "string.dump": ("escape", "return string.dump or ('').dump"),
    "table.move": ("escape", "return table.move"),
    # -- bytecode
    "bytecode as the code": ("refused", "\x1bLua"),
    "bytecode by load": ("refused", "return (load or error)('\\27Lua')"),
    # -- metatables
    "setmetatable": ("refused", "return setmetatable({}, {__gc = function() while true do end end})"),
    "getmetatable": ("refused", "return getmetatable('').__index"),
    "rawset on the text library": ("refused", "rawset(string, 'rep', nil)"),
    "the mark of a list": ("refused", "local t = list() return t.__metatable.x"),
    "__gc by a marked table": (
        "escape",
        "local t = list{} t.__gc = function() while true do end end t.__gc = nil return nil",
    ),
    "__close": ("refused", "local x <close> = {__close = function() while true do end end}"),
    "__index by assignment": ("escape", "local t = {__index = _G} return t.os"),
    "__len by assignment": ("escape", "local t = {__len = function() while true do end end} return #t ~= 0"),
    "__tostring of an error": ("refused", "error({__tostring = function() while true do end end})"),
    "_ENV": ("escape", "local outer = _ENV return outer.os or outer.debug or outer.python"),
    "_ENV in a function": ("refused", "local function f() local _ENV = {} return os.x end return f()"),
    "upvalues of a library function": ("refused", "return debug.getupvalue(pcall, 1)"),
    # -- from a value to Python
    "attributes of a value": ("escape", "return state.items or state.keys or state.__class__"),
    "__class__ of text": ("escape", "return state.name.__class__ or state.name.__init__"),
    "__globals__ of a function": ("refused", "return pcall.__globals__"),
    "the class of a number": ("refused", "return (1).__class__"),
    "the class of true": ("refused", "return (true).__class__"),
    "attributes of a list": ("escape", "return state.list.append or state.list.__class__"),
    "a function as a result": ("refused", "return pcall"),
    "a coroutine as a result": ("refused", "return coroutine.create(pcall)"),
    "a function inside a result": ("refused", "return {a = {b = {string.rep}}}"),
    "userdata anywhere": ("escape", "for _, v in pairs(_G) do if type(v) == 'userdata' then return true end end"),
    "addresses": (
        "escape",
        "return tostring(pcall):find('0x') or tostring({}):find('0x') or ('%s'):format({}):find('0x')",
    ),
    "addresses by %p": ("refused", "return ('%p'):format({})"),
    "addresses by % 9p": ("refused", "return string.format('%% %-9p', 'x')"),
    "addresses in errors": ("escape", "local _, e = pcall(function() return {} < {} end) return e:find('0x')"),
    # -- time
    "a loop": ("limit", "while true do end"),
    "goto": ("limit", "::again:: goto again"),
    "a loop in repeat": ("limit", "repeat until false"),
    "for to infinity": ("limit", "for i = 1, math.huge do end"),
    "a loop around pcall": ("limit", "while true do pcall(error) end"),
    "pcall around a loop": ("limit", "pcall(function() while true do end end) return 'out'"),
    "pcall in pcall in pcall": (
        "limit",
        "local function f() pcall(function() pcall(function() while true do end end) while true do end end) end "
        "while true do pcall(f) end",
    ),
    "xpcall with a handler that loops": ("limit", "xpcall(error, function() while true do end end)"),
    "xpcall whose loop's handler loops": (
        "limit",
        "xpcall(function() while true do end end, function() while true do end end)",
    ),
    "an xpcall of xpcall": ("refused", "while true do xpcall(xpcall, xpcall, xpcall, xpcall) end"),
    "many short coroutines in each other": (
        "limit",
        "local function f(n) if n == 0 then for i = 1, 900 do end return end "
        "for i = 1, 9 do coroutine.wrap(f)(n - 1) end end while true do f(6) end",
    ),
    "brackets without end": ("limit", "return (('('):rep(300000)):find('%b()')"),
    "a handler that fails": ("refused", "xpcall(error, function() error('again') end)"),
    "coroutine.wrap": ("limit", "coroutine.wrap(function() while true do end end)()"),
    "a loop of coroutines": ("limit", "while true do coroutine.wrap(function() coroutine.yield() end)() end"),
    "coroutine in coroutine": (
        "limit",
        "local function deep(n) return coroutine.wrap(function() if n > 0 then deep(n - 1)() end "
        "while true do end end) end deep(20)()",
    ),
    "resume that catches": (
        "limit",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    ),
    "pcall in a coroutine": (
        "limit",
        "local c = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) "
        "while true do pcall(c) end",
    ),
    "a coroutine that yields for ever": (
        "limit",
        "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end",
    ),
    "yield from the rule": ("refused", "coroutine.yield()"),
    "close of a running coroutine": ("refused", "coroutine.close(coroutine.running())"),
    "a comparator that loops": ("limit", "table.sort({3, 1, 2}, function() while true do end end)"),
    "a comparator that lies": (
        "either",
        "local t = {} for i = 1, 3000 do t[i] = i end while true do table.sort(t, function() return true end) end",
    ),
    "a callback of gsub that loops": ("limit", "return (('x'):rep(10)):gsub('.', function() while true do end end)"),
    "callbacks of gsub without end": (
        "limit",
        "local s = ('x'):rep(100000) while true do s:gsub('.', function() end) end",
    ),
    "an iterator without end": ("limit", "for _ in function() return 1 end do end"),
    # -- one long call that nothing inside can interrupt
    "a pattern bomb": ("limit", "return (('a'):rep(40)):find(('a*'):rep(20) .. 'b')"),
    "a pattern bomb in gsub": ("limit", "return (('a'):rep(60)):gsub(('a-'):rep(20) .. 'b', '')"),
    "a plain search in much text": (
        "limit",
        "return (('a'):rep(4000000)):find(('a'):rep(2000000) .. 'b', 1, true)",
    ),
    "a pattern bomb in pcall in a coroutine": (
        "limit",
        "coroutine.wrap(pcall)(string.find, ('a'):rep(40), ('a*'):rep(20) .. 'b')",
    ),
    # -- memory
    "doubling text": ("limit", "local s = 'x' while true do s = s .. s end"),
    "string.rep": ("limit", "return ('x'):rep(2 ^ 30)"),
    "string.rep, caught": ("either", "while true do pcall(string.rep, 'x', 2 ^ 40) end"),
    "string.rep with a separator": ("either", "return ('x'):rep(2 ^ 31, ('y'):rep(1000))"),
    "string.rep over all numbers": ("refused", "return ('x'):rep(math.maxinteger, 'yy')"),
    "a table that grows": ("limit", "local t = {} while true do t[#t + 1] = {} end"),
    "a table in a global": ("limit", "kept = {} while true do kept[#kept + 1] = ('x'):rep(1000) .. #kept end"),
    "tables that hold each other": ("limit", "local t = {} while true do t = {t, t, {t}} end"),
    "a big array, sorted": ("limit", "local t = {} for i = 1, 2 ^ 40 do t[i] = -i end table.sort(t)"),
    "table.concat": ("either", "local t = {} for i = 1, 20000 do t[i] = ('x'):rep(1000) end return table.concat(t)"),
    "table.concat from nowhere": ("refused", "return table.concat({}, 'x', 1, 2 ^ 53)"),
    "table.unpack": ("refused", "return table.unpack({}, 1, 2 ^ 53)"),
    "string.byte": ("either", "return (('x'):rep(10000000)):byte(1, -1)"),
    "a format of great width": ("refused", "return ('%999999999d'):format(1)"),
    "formats of much text": ("either", "local s = ('x'):rep(1000000) return (('%s'):rep(1000)):format(s)"),
    "gsub that multiplies": ("limit", "return (('x'):rep(100000)):gsub('x', ('y'):rep(100000))"),
    "coroutines that are kept": ("limit", "local t = {} while true do t[#t + 1] = coroutine.create(pcall) end"),
    "closures that are kept": (
        "limit",
        "local t = {} while true do local n = #t t[n + 1] = function() return n end end",
    ),
    # -- depth
    "recursion": ("either", "local function f() return 1 + f() end return f()"),
    "recursion, caught": ("limit", "local function f() return 1 + f() end while true do pcall(f) end"),
    "recursion through pcall": ("either", "local function f() return pcall(f) end while true do f() end"),
    "recursion through gsub": (
        "either",
        "local function f() return (('x'):gsub('.', f)) end while true do pcall(f) end",
    ),
    "recursion through sort": (
        "either",
        "local function f() table.sort({1, 2}, f) end while true do pcall(f) end",
    ),
    "recursion through coroutines": (
        "either",
        "local function f() return coroutine.wrap(f)() end while true do pcall(f) end",
    ),
    "a tail call without end": ("limit", "local function f() return f() end return f()"),
    "parentheses": ("refused", "return " + "(" * 10000 + "1" + ")" * 10000),
    "tables in tables, as code": ("refused", "return " + "{" * 10000 + "}" * 10000),
    "a pattern that calls itself": ("refused", "return (('('):rep(100)):find(('('):rep(100))"),
    # -- results
    "a result that contains itself": ("refused", "local t = {} t.t = t return t"),
    "a result that is very deep": ("refused", "local t = {} for i = 1, 1000 do t = {t} end return t"),
    "a list with a great hole": ("refused", "return {[1] = 1, [2 ^ 53] = 2}"),
    "a list with a hole": ("refused", "return {1, nil, 3}"),
    "a list with a name": ("refused", "local t = list{1} t.x = 2 return t"),
    "keys that are tables": ("refused", "return {[{}] = 1}"),
    "keys that are numbers with fractions": ("refused", "return {[1.5] = 1}"),
    "a result that multiplies": (
        "limit",
        "local t = {('x'):rep(1000000)} for i = 1, 30 do t = {t, t} end return t",
    ),
    # -- what the next rule has to find
    "a new string library": ("escape", "string.format, string.find, table.concat = nil, nil, nil"),
    "a new pairs": ("escape", "pairs, next, type, error = nil, nil, nil, nil"),
    "a poisoned state": ("escape", "local g = _G state = nil g._G = nil g.state = 7"),
}
