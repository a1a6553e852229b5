-- What a rule sees, and what it is held to. Loaded once into each new Lua state; returns the function that runs a rule.
--
-- Only bytes come in and go out (see codec.py). A rule's chunk has a table of its own for its globals, with nothing in it
-- but what is listed here. There is no setmetatable: so there is no finalizer, which would run without the hook that
-- counts, no __close, __index or __len that could run in the midst of what is done here, and no error object with a
-- __tostring. What this file itself needs it holds in locals, from before the first rule is loaded.

local expired = ...  -- Python's: is the time over? The only thing of Python in here, and in reach of nothing but tick

local byte, concat, create, error, find = string.byte, table.concat, coroutine.create, error, string.find
local format, getinfo, getmetatable, gsub, load = string.format, debug.getinfo, debug.getmetatable, string.gsub, load
local match, math_type, next, pack, pcall = string.match, math.type, next, string.pack, pcall
local rawget, resume, sethook, setmetatable = rawget, coroutine.resume, debug.sethook, setmetatable
local sort, sub, table_pack, table_unpack = table.sort, string.sub, table.pack, table.unpack
local tonumber, tostring, type, unpack, xpcall = tonumber, tostring, type, string.unpack, xpcall

local CHUNK = "=lua"
local MOST_DEPTH = 64
local STEP = 10000  -- instructions from one look at the limits to the next
local SWITCH = 1000  -- what going into a coroutine counts for: a new one is only looked at after a whole step of its own

-- Limits -------------------------------------------------------------------------------------------------------------

local LIMIT = {}  -- what is thrown when a limit is reached
local spent, most, over = 0, 0, nil
local unseen = 0  -- instructions since the last look at the clock

local function charge(instructions)
    if not over then
        spent = spent + instructions
        unseen = unseen + instructions
        if spent > most then
            over = "instructions"
        elseif unseen >= STEP then
            local fine, late = pcall(expired)
            if fine then
                unseen = 0
                if late then over = "time" end
            elseif type(late) == "userdata" then
                over = "interrupt"  -- Python's own error: somebody interrupts it, and a rule must not catch that
            else
                error(late, 0)  -- no memory, or no stack, to ask with; the next look asks again
            end
        end
    end
    if over then error(LIMIT, 0) end
end

local function tick()
    charge(STEP)
end

-- Whatever catches errors lets this one through: else a loop around pcall would go on for ever.
local function passed(...)
    if over then error(LIMIT, 0) end
    return ...
end

local function guarded_pcall(called, ...)
    return passed(pcall(called, ...))
end

-- The handler is called after the error, not in the midst of it: there the hook would not count.
local function handled(handler, ok, ...)
    if ok then return true, ... end
    return false, handler((...))
end

local function guarded_xpcall(called, handler, ...)
    if type(handler) ~= "function" then error("xpcall wants a function to call after an error", 2) end
    return handled(handler, passed(pcall(called, ...)))
end

-- A new coroutine has no hook of its own until it is given one.
local function guarded_create(body)
    local made = create(body)
    sethook(made, tick, "", STEP)
    return made
end

local function guarded_resume(one, ...)
    charge(SWITCH)
    return passed(resume(one, ...))
end

local function result_or_error(ok, ...)
    if not ok then error((...), 0) end
    return ...
end

local function guarded_wrap(body)
    local made = guarded_create(body)
    return function(...) return result_or_error(guarded_resume(made, ...)) end
end

-- What a rule may call ------------------------------------------------------------------------------------------------

-- Addresses are different in each run, and nobody's business.
local function text_of(value)
    local kind = type(value)
    if kind == "table" or kind == "function" or kind == "thread" or kind == "userdata" then return kind end
    return tostring(value)
end

local function safe_format(pattern, ...)
    if type(pattern) ~= "string" then error("format wants text to begin with", 2) end
    if find(gsub(pattern, "%%%%", ""), "%%[^%a]*p") then error("format has no %p", 2) end
    local values = table_pack(...)
    for position = 1, values.n do
        local value = values[position]
        local kind = type(value)
        if kind ~= "string" and kind ~= "number" then values[position] = text_of(value) end
    end
    return format(pattern, table_unpack(values, 1, values.n))
end

-- In the order of the keys: a rule that tells what it found tells the same each time.
local function ordered_pairs(walked)
    if type(walked) ~= "table" then error("pairs wants a table, not " .. type(walked), 2) end
    local keys, texts, others = {}, {}, {}
    for key in next, walked do
        local kind = type(key)
        local group = kind == "number" and keys or kind == "string" and texts or others
        group[#group + 1] = key
    end
    sort(keys)
    sort(texts)
    for position = 1, #texts do keys[#keys + 1] = texts[position] end
    for position = 1, #others do keys[#keys + 1] = others[position] end
    local position = 0
    return function()
        while true do
            position = position + 1
            local key = keys[position]
            if key == nil then return nil end
            local value = walked[key]
            if value ~= nil then return key, value end
        end
    end
end

local LIST, MAPPING = {}, {}

local function marker(mark)
    return function(marked)
        if marked == nil then marked = {} end
        if type(marked) ~= "table" then error("wants a table, not " .. type(marked), 2) end
        return setmetatable(marked, mark)
    end
end

local function chosen(library, names)
    local result = {}
    for name in string.gmatch(names, "%S+") do
        result[name] = library[name] or error("Lua has no " .. name)
    end
    return result
end

local globals = chosen(_G, "assert error ipairs next rawequal rawlen select tonumber type")
globals._G = globals
globals._VERSION = _VERSION
globals.pcall, globals.xpcall = guarded_pcall, guarded_xpcall
globals.pairs, globals.tostring = ordered_pairs, text_of
globals.list, globals.mapping = marker(LIST), marker(MAPPING)
globals.coroutine = chosen(coroutine, "close isyieldable running status yield")
globals.coroutine.create, globals.coroutine.resume = guarded_create, guarded_resume
globals.coroutine.wrap = guarded_wrap
globals.math = chosen(
    math,
    "abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad sin sqrt tan "
        .. "tointeger type ult"
)
globals.string = chosen(string, "byte char find gmatch gsub len lower match rep reverse sub upper")
globals.string.format = safe_format
globals.table = chosen(table, "concat insert pack remove sort unpack")
globals.utf8 = chosen(utf8, "char charpattern codepoint codes len offset")
getmetatable("").__index = globals.string

-- Values as bytes -----------------------------------------------------------------------------------------------------

local function decode(data, at)
    local kind = byte(data, at)
    at = at + 1
    if kind == 115 then return unpack("<s4", data, at) end
    if kind == 105 then return unpack("<i8", data, at) end
    if kind == 100 then return unpack("<d", data, at) end
    if kind == 116 then return true, at end
    if kind == 102 then return false, at end
    if kind == 110 then return nil, at end
    local count
    count, at = unpack("<I4", data, at)
    local result = {}
    if kind == 108 then
        for position = 1, count do
            result[position], at = decode(data, at)
        end
        return setmetatable(result, LIST), at
    end
    for _ = 1, count do
        local key
        key, at = decode(data, at)
        result[key], at = decode(data, at)
    end
    return setmetatable(result, MAPPING), at
end

local REFUSED = {}
local MOST_VALUES = 1000000
local values = 0  -- in the answer so far

local function refuse(path, depth, why)
    local words = {}
    for position = 1, depth < 8 and depth or 8 do
        local key = path[position]
        words[position] = type(key) == "number" and format("[%s]", key) or (position > 1 and "." or "") .. text_of(key)
    end
    local place = concat(words)
    error({ REFUSED, (place == "" and "the result" or "the result at " .. place) .. " " .. why }, 0)
end

-- Return how many items a table has as a list, nil where it is a mapping.
local function length_as_list(value, path, depth)
    local mark = getmetatable(value)
    if mark == MAPPING then return nil end
    local count, largest, whole = 0, 0, true
    for key in next, value do
        count = count + 1
        if math_type(key) ~= "integer" or key < 1 then
            whole = false
            if mark ~= LIST then return nil end
            break
        end
        if key > largest then largest = key end
    end
    if not whole then refuse(path, depth, "is a list with a key that is not a position") end
    if largest ~= count then
        refuse(path, depth, "is a list with holes; mapping(t) makes it a mapping from numbers")
    end
    if count == 0 and mark ~= LIST then return nil end
    return count
end

local function encode(value, parts, path, depth, within)
    local kind = type(value)
    values = values + 1
    if values > MOST_VALUES then refuse(path, depth, "has over " .. MOST_VALUES .. " values before it") end
    if kind == "string" then
        parts[#parts + 1] = pack("<c1s4", "s", value)
    elseif kind == "number" then
        parts[#parts + 1] = math_type(value) == "integer" and pack("<c1i8", "i", value) or pack("<c1d", "d", value)
    elseif kind == "boolean" then
        parts[#parts + 1] = value and "t" or "f"
    elseif kind == "nil" then
        parts[#parts + 1] = "n"
    elseif kind ~= "table" then
        refuse(path, depth, "is a " .. kind .. ", which is no value")
    else
        if within[value] then refuse(path, depth, "contains itself") end
        if depth >= MOST_DEPTH then refuse(path, depth, "is nested over " .. MOST_DEPTH .. " deep") end
        within[value] = true
        local count = length_as_list(value, path, depth)
        if count then
            parts[#parts + 1] = pack("<c1I4", "l", count)
            for position = 1, count do
                path[depth + 1] = position
                encode(value[position], parts, path, depth + 1, within)
            end
        else
            local place = #parts + 1
            parts[place] = ""
            count = 0
            for key, item in next, value do
                if type(key) ~= "string" and math_type(key) ~= "integer" then
                    refuse(path, depth, "has a key that is neither text nor a whole number")
                end
                path[depth + 1] = key
                encode(key, parts, path, depth + 1, within)
                encode(item, parts, path, depth + 1, within)
                count = count + 1
            end
            parts[place] = pack("<c1I4", "m", count)
        end
        within[value] = nil
    end
end

local function as_bytes(first, value)
    local parts = { first }
    values = 0
    encode(value, parts, {}, 0, {})
    return concat(parts)
end

-- Running a rule ------------------------------------------------------------------------------------------------------

-- Called where the error happens, to see the lines that led there.
local function located(problem)
    if problem == LIMIT or (type(problem) == "table" and rawget(problem, 1) == REFUSED) then return problem end
    local lines, line = {}, nil
    for level = 2, 40 do
        local info = getinfo(level, "Sln")
        if not info then break end
        if info.source == CHUNK and info.currentline > 0 then
            line = line or info.currentline
            lines[#lines + 1] = format("line %d%s", info.currentline, info.what ~= "main" and info.name and ", in " .. info.name or "")
            if #lines == 10 then break end
        end
    end
    local message = problem
    if type(problem) == "table" then message = rawget(problem, "message") end
    if type(message) ~= "string" and type(message) ~= "number" then message = "an error that is a " .. type(problem) end
    return { kind = "error", message = sub(tostring(message), 1, 4000), line = line, traceback = concat(lines, "\n") }
end

local function failure(problem)
    if problem == LIMIT then return { kind = over } end
    if type(problem) == "table" and rawget(problem, 1) == REFUSED then
        return { kind = "value", message = problem[2] }
    end
    if type(problem) ~= "table" then problem = { kind = "error", message = tostring(problem), traceback = "" } end
    if problem.message == "not enough memory" then return { kind = "memory" } end
    local line, rest = match(problem.message, "^lua:(%d+): (.*)$")
    if line then problem.line, problem.message = tonumber(line), rest end
    return problem
end

-- Return what is wrong with a chunk, nil where nothing is, and the chunk.
local function compiled(code)
    local chunk, problem = load(code, CHUNK, "t", globals)
    if chunk then return nil, chunk end
    local found = failure(problem)
    if found.kind == "error" then found.kind = "syntax" end
    return found
end

-- Return the answer as bytes, and whether a limit was reached.
local function run(as_condition, code, data, instructions)
    spent, most, over = 0, instructions, nil
    local wrong, chunk = compiled(code)
    if wrong then return as_bytes("e", wrong), wrong.kind == "memory" end
    local answer
    local function work()
        globals.state = decode(data, 1)
        local value = chunk(globals.state)
        if as_condition then value = not not value end
        answer = as_bytes("v", value)
    end
    sethook(tick, "", STEP)
    local ok, problem = xpcall(work, located)
    sethook()
    globals.state = nil
    if ok and not over then return answer, false end
    local found = failure(over and LIMIT or problem)
    return as_bytes("e", found), over ~= nil or found.kind == "memory"
end

local function check(code)
    local wrong = compiled(code)
    return wrong and as_bytes("e", wrong) or "vn", false
end

-- Nothing of what Lua and its Python side had put here is in reach any more, even for what would get out of its globals.
local loaded, everything = package.loaded, _G
for name in next, loaded do loaded[name] = nil end
for name in next, everything do everything[name] = nil end

return run, check
