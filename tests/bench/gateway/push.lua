-- kprf's shape for wrk: POST /push with one record of 4 KiB. Arguments: the topic, and true or false for wait_for_send.
-- Prints one line of JSON when the run is over.

function init(arguments)
  local data = string.rep("0123456789abcdef", 256)
  wrk.method = "POST"
  wrk.path = "/push"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = string.format('{"records":[{"topic":"%s","data":"%s"}],"wait_for_send":%s}',
    arguments[1], data, arguments[2])
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,' ..
    '"p50_us":%d,"p99_us":%d,"p999_us":%d,"max_us":%d}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
