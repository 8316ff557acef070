-- What wrk sends: wrk ... -s load.lua URL -- KIND TOKENS TUTORIALS CHAPTERS LEARNERS RATE
--   KIND       get, chapter, list, or events-N: N chapter events of one tutorial
--   TOKENS     a file with one token per line, each of a different learner
--   TUTORIALS  tutorials per learner
--   CHAPTERS   chapters per tutorial
--   LEARNERS   uniform; or zipf: the learner of rank n sends 1/n as many requests as the first
--   RATE       requests per second over all connections, at random times; 0 for no pause
-- Prints one line of JSON. Times are in microseconds.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } moment; int clock_gettime(int, moment *);")

local clock = ffi.new("moment")
local tokens, threads, root = {}, {}, "/v1/tutorials/progress"
local sent = 0
local kind, tutorials, chapters, zipf, rate, due
failed = 0

local function now()
  ffi.C.clock_gettime(1, clock)
  return tonumber(clock.s) + tonumber(clock.ns) / 1e9
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  kind, tutorials, chapters = args[1], tonumber(args[3]), tonumber(args[4])
  zipf, rate = args[5] == "zipf", tonumber(args[6])
  for token in io.lines(args[2]) do tokens[#tokens + 1] = token end
  if rate == 0 then delay = nil end
  due = now()
  math.randomseed(due * 1000)
end

function delay()
  due = due - math.log(1 - math.random()) / rate
  return math.max(0, math.floor((due - now()) * 1000 + 0.5))
end

local function learner()
  if zipf then return math.floor((#tokens) ^ math.random()) end
  return math.random(#tokens)
end

local function events(count)
  local tutorial, all = math.random(tutorials), {}
  local event = '{"id":"%d-%d","type":"chapter","tutorialId":"tutorial-%d","at":"%s","chapterId":"chapter-%d","watchTime":%d,"completed":%s,"lastPosition":%d,"totalChapters":%d}'
  sent = sent + 1
  for number = 1, count do
    local at = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - math.random(86400))
    local completed = tostring(math.random(2) == 1)
    all[number] = event:format(sent, number, tutorial, at, math.random(chapters), math.random(600), completed, math.random(600), chapters)
  end
  return '{"events":[' .. table.concat(all, ",") .. "]}"
end

function request()
  local headers = {
    ["Authorization"] = "Bearer " .. tokens[learner()],
    ["Content-Type"] = "application/json",
  }
  if kind == "list" then return wrk.format("GET", root, headers) end
  local count = kind:match("^events%-(%d+)$")
  if count then return wrk.format("POST", root, headers, events(tonumber(count))) end
  local path = root .. "/tutorial-" .. math.random(tutorials)
  if kind == "get" then return wrk.format("GET", path, headers) end
  local body = '{"chapterId":"chapter-%d","watchTime":%d,"completed":%s,"lastPosition":%d,"totalChapters":%d}'
  local completed = tostring(math.random(2) == 1)
  local values = { math.random(chapters), math.random(600), completed, math.random(600), chapters }
  return wrk.format("POST", path .. "/chapter", headers, body:format(unpack(values)))
end

function response(status)
  if status ~= 200 then failed = failed + 1 end
end

function done(summary, latency)
  local errors, failures = summary.errors, 0
  for _, thread in ipairs(threads) do failures = failures + thread:get("failed") end
  io.write(string.format(
    '{"requests":%d,"duration":%d,"p50":%d,"p99":%d,"failed":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    failures + errors.connect + errors.read + errors.write + errors.timeout))
end
