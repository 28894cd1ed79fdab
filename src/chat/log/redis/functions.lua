#!lua name=sse_chat
-- The history of all rooms, in Redis or Valkey. Each function is one atomic step: it
-- assigns seqs and numbers, finds repeated requests, and keeps history within its bounds.
--
-- All keys begin with the namespace in braces, so that they are in one slot of a cluster:
--
--   {ns}:state           hash: format, epoch, seq, replid
--   {ns}:epochs          list: "<epoch> <end>" of each generation that has ended
--   {ns}:log             stream: the last entries of all rooms, to carry them to the nodes
--   {ns}:room:<room>     hash: number, counted (the place of the next entry), bytes,
--                        evicted (the seq of the newest evicted entry)
--   {ns}:history:<room>  stream: the entries of the room
--   {ns}:clients:<room>  hash: client id -> "<seq> <request hash>", of held entries
--   {ns}:changes:<room>  hash: seq of a message or event -> seq of its latest change
--
-- An entry with seq 7 has the stream id 7-0. Fields of an entry: k (kind: m, e, c or d for
-- a message, an event, a change, a deletion), n and c (its place: number and counted), t
-- (when it was assigned, in milliseconds since 1970), d (the content, which only nodes
-- read), and if there is one: i (client id), o (the seq of the message or event that a
-- change is of), p (the seq of the change that it replaces). In the log also r (room).
--
-- An item 7-1, 7-2, … of the log is no entry: k is g where generation e begins after seq 7.

local FORMAT = '1'
-- Generations that are remembered after their end.
local MAX_ENDED = 1000
-- What an entry counts beside its content.
local ENTRY_BYTES = 100
local BASE_36 = '0123456789abcdefghijklmnopqrstuvwxyz'
local TIME_CHARS = 8

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function base36(number)
  local digits = {}
  for place = TIME_CHARS, 1, -1 do
    local digit = number % 36
    digits[place] = BASE_36:sub(digit + 1, digit + 1)
    number = (number - digit) / 36
  end
  return table.concat(digits)
end

-- An epoch that is later as text than `last`, even if the clock went back. `random` is
-- four characters, which tell two stores of the same millisecond apart.
local function next_epoch(last, random)
  local time = base36(now())
  if last and time <= last:sub(1, TIME_CHARS) then
    time = base36(tonumber(last:sub(1, TIME_CHARS), 36) + 1)
  end
  return time .. random
end

-- Redis draws another one at each start and promotion: whenever writes may be lost.
local function replication_id()
  return redis.call('INFO', 'replication'):match('master_replid:(%x+)')
end

-- The prefix of all keys. The one key that is passed is that of the state.
local function prefix_of(keys)
  return keys[1]:sub(1, -#'state' - 1)
end

local function begin_store(keys, replid, random)
  local epoch = next_epoch(nil, random)
  redis.call('HSET', keys[1], 'format', FORMAT, 'epoch', epoch, 'seq', 0, 'replid', replid)
  return { epoch = epoch, seq = 0 }
end

-- Ends the present generation at the newest seq that is left.
local function begin_generation(keys, state, replid, random)
  local prefix = prefix_of(keys)
  local epoch = next_epoch(state.epoch, random)
  redis.call('RPUSH', prefix .. 'epochs', state.epoch .. ' ' .. state.seq)
  redis.call('LTRIM', prefix .. 'epochs', -MAX_ENDED, -1)
  redis.call('HSET', keys[1], 'epoch', epoch, 'replid', replid)
  redis.call('XADD', prefix .. 'log', state.seq .. '-*', 'k', 'g', 'e', epoch)
  return { epoch = epoch, seq = state.seq }
end

-- The state of the store. A new one begins if there is none, and a new generation if
-- writes may be lost since the last call.
local function open(keys, random)
  local fields = redis.call('HMGET', keys[1], 'format', 'epoch', 'seq', 'replid')
  local replid = replication_id()
  if not fields[2] then
    return begin_store(keys, replid, random)
  end
  if fields[1] ~= FORMAT then
    return nil, redis.error_reply('FORMAT ' .. tostring(fields[1]))
  end
  local state = { epoch = fields[2], seq = tonumber(fields[3]) }
  if fields[4] ~= replid then
    return begin_generation(keys, state, replid, random)
  end
  return state
end

-- As `open`, for a node that knows this epoch as the present one. Another is refused: the
-- node has to learn first what is lost.
local function open_as(keys, epoch, random)
  local state, refusal = open(keys, random)
  if state and state.epoch ~= epoch then
    return nil, { 'EPOCH', state.epoch }
  end
  return state, refusal
end

-- A table of the fields of a stream entry.
local function fields_of(entry)
  local fields = {}
  for index = 1, #entry[2], 2 do
    fields[entry[2][index]] = entry[2][index + 1]
  end
  return fields
end

local function seq_of(entry)
  return entry[1]:match('^%d+')
end

local function cost_of(fields)
  return #fields.d + ENTRY_BYTES
end

-- The keys of a room.
local function room_keys(prefix, room)
  return {
    state = prefix .. 'room:' .. room,
    history = prefix .. 'history:' .. room,
    clients = prefix .. 'clients:' .. room,
    changes = prefix .. 'changes:' .. room,
  }
end

-- The entry with this seq, as a table of its fields. `nil` if the room does not hold it.
local function get(room, seq)
  local id = seq .. '-0'
  local entry = redis.call('XRANGE', room.history, id, id)[1]
  return entry and fields_of(entry)
end

-- What the indexes have of an entry that was evicted. Its client id is free again: that
-- of a deletion is the one of what it deleted.
local function forget(room, seq, fields)
  if fields.o and redis.call('HGET', room.changes, fields.o) == seq then
    redis.call('HDEL', room.changes, fields.o)
  end
  if fields.i then
    local known = redis.call('HGET', room.clients, fields.i)
    if known and known:match('^%d+') == (fields.o or seq) then
      redis.call('HDEL', room.clients, fields.i)
    end
  end
end

-- Evicts the oldest entries down to the bounds. Returns the bytes that are left.
local function evict(room, bytes, bounds)
  local count = redis.call('XLEN', room.history)
  local evicted
  while count > bounds.entries or (bytes > bounds.bytes and count > 0) do
    local entry = redis.call('XRANGE', room.history, '-', '+', 'COUNT', 1)[1]
    local fields = fields_of(entry)
    evicted = seq_of(entry)
    redis.call('XDEL', room.history, entry[1])
    forget(room, evicted, fields)
    bytes = bytes - cost_of(fields)
    count = count - 1
  end
  if evicted then
    redis.call('HSET', room.state, 'evicted', evicted)
  end
  return bytes
end

-- Adds an entry with the next seq to its room and to the log. `entry` has kind, content,
-- and maybe client_id, request (of a new client id), item, before (the change that it
-- replaces) and freed (bytes that were removed). Returns the answer to its node.
local function append(keys, state, name, entry, bounds)
  local prefix = prefix_of(keys)
  local room = room_keys(prefix, name)
  local place = redis.call('HMGET', room.state, 'number', 'counted', 'bytes')
  local number, counted = tonumber(place[1] or 1), tonumber(place[2] or 0)
  local seq = state.seq + 1
  local time = now()
  local id = seq .. '-0'
  local fields = { 'k', entry.kind, 'n', number, 'c', counted, 't', time, 'd', entry.content }
  if entry.client_id then
    fields[#fields + 1] = 'i'
    fields[#fields + 1] = entry.client_id
  end
  if entry.request then
    redis.call('HSET', room.clients, entry.client_id, seq .. ' ' .. entry.request)
  end
  if entry.item then
    fields[#fields + 1] = 'o'
    fields[#fields + 1] = entry.item
    redis.call('HSET', room.changes, entry.item, seq)
  end
  if entry.before then
    fields[#fields + 1] = 'p'
    fields[#fields + 1] = entry.before
  end
  redis.call('XADD', room.history, id, unpack(fields))
  fields[#fields + 1] = 'r'
  fields[#fields + 1] = name
  redis.call('XADD', prefix .. 'log', 'MAXLEN', '=', bounds.log, id, unpack(fields))
  redis.call('HSET', keys[1], 'seq', seq)
  local bytes = tonumber(place[3] or 0) - (entry.freed or 0) + #entry.content + ENTRY_BYTES
  bytes = evict(room, bytes, bounds)
  local after = entry.item and { number, counted }
    or { number + (entry.kind == 'm' and 1 or 0), counted + 1 }
  redis.call('HSET', room.state, 'number', after[1], 'counted', after[2], 'bytes', bytes)
  return { 'OK', seq, number, counted, time }
end

-- The bounds of history, from `args[first]` on.
local function bounds_of(args, first)
  return {
    entries = tonumber(args[first]),
    bytes = tonumber(args[first + 1]),
    log = tonumber(args[first + 2]),
  }
end

-- open(random): the epoch, the seq, and each generation that has ended.
local function call_open(keys, args)
  local state, refusal = open(keys, args[1])
  if not state then
    return refusal
  end
  local ended = redis.call('LRANGE', prefix_of(keys) .. 'epochs', 0, -1)
  return { 'OK', state.epoch, state.seq, ended }
end

-- publish(epoch, random, room, kind, content, client id or '', request hash,
--   most entries of the room, most bytes of the room, most items of the log)
-- Answers OK seq number counted time, REPEATED seq, REUSED, or EPOCH epoch.
local function call_publish(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local name, client_id, request = args[3], args[6], args[7]
  local entry = { kind = args[4], content = args[5] }
  if client_id ~= '' then
    local known = redis.call('HGET', prefix_of(keys) .. 'clients:' .. name, client_id)
    if known then
      local seq, first_request = known:match('^(%d+) (.*)$')
      if first_request ~= request then
        return { 'REUSED' }
      end
      return { 'REPEATED', tonumber(seq) }
    end
    entry.client_id, entry.request = client_id, request
  end
  return append(keys, state, name, entry, bounds_of(args, 8))
end

-- Removes a message or event from history and from the log, which may also have earlier
-- changes of it: each names the one before.
local function erase(prefix, room, item, latest)
  redis.call('XDEL', room.history, item .. '-0')
  redis.call('XDEL', prefix .. 'log', item .. '-0')
  while latest do
    local id = latest .. '-0'
    local entry = redis.call('XRANGE', prefix .. 'log', id, id)[1]
    redis.call('XDEL', prefix .. 'log', id)
    latest = entry and fields_of(entry).p
  end
end

-- change(epoch, random, room, kind, content, item, latest change that the node knows of
--   the item or 0, most entries of the room, most bytes of the room, most items of the log)
-- Answers OK seq number counted time, CONFLICT seq-of-the-latest-change, GONE, or EPOCH
-- epoch. A deletion erases the item and its earlier changes.
local function call_change(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local prefix, name, item = prefix_of(keys), args[3], args[6]
  local room = room_keys(prefix, name)
  local latest = redis.call('HGET', room.changes, item)
  if (latest or '0') ~= args[7] then
    return { 'CONFLICT', tonumber(latest or 0) }
  end
  local before, own = latest and get(room, latest), get(room, item)
  if not before and not own then
    return { 'GONE' }
  end
  local entry = { kind = args[4], content = args[5], item = item, freed = 0 }
  if before then
    redis.call('XDEL', room.history, latest .. '-0')
    entry.before, entry.freed = latest, cost_of(before)
  end
  if entry.kind == 'd' then
    -- A retry of the request that published it is still one.
    entry.client_id = own and own.i
    entry.before = nil
    erase(prefix, room, item, latest)
    entry.freed = entry.freed + (own and cost_of(own) or 0)
  end
  return append(keys, state, name, entry, bounds_of(args, 8))
end

-- load(epoch, random, room, most entries): the seq as of which this is, the state of the
-- room, and its newest entries, the newest first. Nothing is counted or changed.
local function call_load(keys, args)
  local state, refusal = open_as(keys, args[1], args[2])
  if not state then
    return refusal
  end
  local room = room_keys(prefix_of(keys), args[3])
  local place = redis.call('HMGET', room.state, 'number', 'counted', 'evicted')
  local entries = redis.call('XREVRANGE', room.history, '+', '-', 'COUNT', args[4])
  return {
    'OK', state.seq, tonumber(place[1] or 1), tonumber(place[2] or 0), tonumber(place[3] or 0),
    entries,
  }
end

redis.register_function('sse_chat_open', call_open)
redis.register_function('sse_chat_publish', call_publish)
redis.register_function('sse_chat_change', call_change)
redis.register_function('sse_chat_load', call_load)
