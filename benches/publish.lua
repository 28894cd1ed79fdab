-- Publishing with wrk, a load generator that costs less than our own:
-- wrk -t1 -c32 -d10s -s benches/publish.lua http://127.0.0.1:8080/rooms/lobby/messages
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"name":"Alice","message":"' .. string.rep("x", 128) .. '"}'
