-- For wrk: requests of many sessions in turn, whose cookies are lines of the file $SOAK_COOKIES. Prints how often each
-- status was answered: wrk itself takes a redirect for a success.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  requests, at = {}, 0
  for n = 100, 599 do
    _G["seen" .. n] = 0
  end
  for cookie in io.lines(os.getenv("SOAK_COOKIES")) do
    requests[#requests + 1] = wrk.format(nil, nil, { Cookie = cookie, Host = wrk.headers["Host"] })
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status)
  local name = "seen" .. status
  _G[name] = _G[name] + 1
end

function done()
  for n = 100, 599 do
    local count = 0
    for _, thread in ipairs(threads) do
      count = count + thread:get("seen" .. n)
    end
    if count > 0 then
      print(string.format("answers %d: %d", n, count))
    end
  end
end
