#!lua name=sse_chat
-- The history of all rooms, in Redis or Valkey. Each function is one atomic step: it
-- assigns seqs and numbers, finds repeated requests, and keeps history within its bounds.
--
-- All keys begin with the namespace in braces, so that they are in one slot of a cluster:
--
--   {ns}:state           hash: format, epoch, seq, replid, dropped (the seq that the last
--                        tombstone that was dropped has used), log_bytes (of the log), repeated
--                        (how many requests were repeated), presence (the number of the newest
--                        item of presence)
--   {ns}:epochs          list: "<epoch> <end>" of each generation that has ended
--   {ns}:log             stream: the last entries of all rooms, to carry them to the nodes
--   {ns}:used            sorted set: room -> when it was last used, in milliseconds
--   {ns}:forgotten       sorted set: room -> when it was forgotten, in milliseconds
--   {ns}:room:<room>     hash: number, counted (the place of the next entry), bytes,
--                        evicted (the seq of the newest evicted entry), late (1 if the
--                        room may have had entries before its number 1), banned (when the
--                        last ban ends). Only the place and evicted are left of a
--                        forgotten room: its tombstone
--   {ns}:history:<room>  stream: the entries of the room
--   {ns}:clients:<room>  hash: client id -> "<seq> <request hash>", of held entries
--   {ns}:changes:<room>  hash: seq of a message or event -> seq of its latest change
--   {ns}:bans:<room>     hash: author -> "<end> <content>"; the end in milliseconds
--   {ns}:tickets         hash: hash of a ticket -> "<end> <content>"; the end in milliseconds
--   {ns}:ticket_ends     sorted set: hash of a ticket -> its end. Both expire with the last one
--   {ns}:presence        stream: the last changes of members. Its ids count from 1-0: n is the
--                        node; either r a room, with any number of j and l, the names that
--                        join and leave it there, or nothing more: all leave
--   {ns}:leases          sorted set: node -> when its lease ends, in milliseconds
--   {ns}:left            set: nodes without a lease of which members are still stored
--   {ns}:rooms:<node>    set: rooms with members at the node
--   {ns}:nodes:<room>    set: nodes at which the room has members
--   {ns}:members:<node>:<room>
--                        set: their names
--
-- An entry with seq 7 has the stream id 7-0. Fields of an entry: k (kind: m, e, c or d for
-- a message, an event, a change, a deletion), n and c (its place: number and counted), t
-- (when it was assigned, in milliseconds since 1970), d (the content, which only nodes
-- read), and if there is one: i (client id), o (the seq of the message or event that a
-- change is of), p (the seq of the change that it replaces). In the log also r (room).
--
-- The log has other items, which use a seq as well: a node that misses one finds that out. Of
-- kind g: generation e begins; f: the room is forgotten; x: its tombstone is dropped; b: its
-- author a is banned (d is the end and the content); u: the ban of author a is lifted.
--
-- Redis takes no write back if a later one of the same call fails. So a call that writes
-- history first looks at all keys that it may write, which fails while a cluster moves them;
-- and it uses up its seq before it writes anything else. What is lost then is a seq, never an
-- entry twice. Calls about members and tickets look at their keys first, too.

local FORMAT = '1'
-- Generations that are remembered after their end.
local MAX_ENDED = 1000
-- Items of presence that are kept.
local MAX_PRESENCE = 10000
-- Leases that are ended in one call, and rooms of their nodes that are removed.
local MAX_ENDED_LEASES = 10
local MAX_REMOVED_ROOMS = 500
-- Tickets without use that one call drops after their end.
local MAX_DROPPED_TICKETS = 100
-- Entries that one call evicts from a room, and items that it removes from the log: after
-- a bound was lowered there are many, and Redis does nothing else during a call.
local MAX_EVICTED = 100
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

-- Redis draws another one at each start and promotion: whenever writes may be lost. It
-- also does when it gets its first replica, after a time without any.
local function replication_id()
  local id = redis.call('INFO', 'replication'):match('master_replid:(%x+)')
  return id or error('INFO has no master_replid: this server can not keep a history')
end

-- The prefix of all keys. The one key that is passed is that of the state.
local function prefix_of(keys)
  return keys[1]:sub(1, -#'state' - 1)
end

-- Fails before anything is written if one of the keys is on its way to another node.
local function check_keys(keys, ...)
  redis.call('EXISTS', keys[1], prefix_of(keys) .. 'log', ...)
end

-- A table of the fields of a stream entry.
local function fields_of(entry)
  local fields = {}
  for index = 1, #entry[2], 2 do
    fields[entry[2][index]] = entry[2][index + 1]
  end
  return fields
end

local function cost_of(fields)
  return #(fields.d or '') + ENTRY_BYTES
end

-- Uses the next seq. Returns its stream id.
local function use_seq(keys, state)
  state.seq = state.seq + 1
  redis.call('HSET', keys[1], 'seq', state.seq)
  return state.seq .. '-0'
end

-- Removes the oldest items of the log down to its bounds.
local function trim_log(keys, bytes, bounds)
  local log = prefix_of(keys) .. 'log'
  local count = redis.call('XLEN', log)
  for _ = 1, MAX_EVICTED do
    if count <= 1 or (count <= bounds.log and bytes <= bounds.log_bytes) then
      return
    end
    local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    redis.call('XDEL', log, first[1])
    bytes = redis.call('HINCRBY', keys[1], 'log_bytes', -cost_of(fields_of(first)))
    count = count - 1
  end
end

-- Adds an item to the log. Its bytes are those of `content`.
local function add_to_log(keys, id, bounds, content, ...)
  redis.call('XADD', prefix_of(keys) .. 'log', id, ...)
  local bytes = redis.call('HINCRBY', keys[1], 'log_bytes', #content + ENTRY_BYTES)
  if bounds then
    trim_log(keys, bytes, bounds)
  end
end

local function begin_store(keys, replid, random)
  if redis.call('EXISTS', prefix_of(keys) .. 'log') == 1 then
    error('a part of the history is missing: its state')
  end
  local epoch = next_epoch(nil, random)
  redis.call('HSET', keys[1], 'format', FORMAT, 'epoch', epoch, 'seq', 0, 'replid', replid)
  return { epoch = epoch, seq = 0 }
end

-- Ends the present generation at the newest seq that is left.
local function begin_generation(keys, state, replid, random)
  local prefix = prefix_of(keys)
  check_keys(keys, prefix .. 'epochs')
  local epoch = next_epoch(state.epoch, random)
  redis.call('RPUSH', prefix .. 'epochs', state.epoch .. ' ' .. state.seq)
  redis.call('LTRIM', prefix .. 'epochs', -MAX_ENDED, -1)
  redis.call('HSET', keys[1], 'epoch', epoch, 'replid', replid)
  local next = { epoch = epoch, seq = state.seq }
  add_to_log(keys, use_seq(keys, next), nil, '', 'k', 'g', 'e', epoch)
  return next
end

-- The state of the store as it stands; `nil` if there is none. `is_lost` says whether writes
-- may be lost since the last call.
local function read_state(keys)
  local fields = redis.call('HMGET', keys[1], 'format', 'epoch', 'seq', 'replid')
  if not fields[2] then
    return nil
  end
  if fields[1] ~= FORMAT then
    error('the history has format ' .. tostring(fields[1]) .. ', not ' .. FORMAT)
  end
  local is_lost = fields[4] ~= replication_id()
  return { epoch = fields[2], seq = tonumber(fields[3]), is_lost = is_lost }
end

-- The state of the store. A new one begins if there is none, and a new generation if
-- writes may be lost since the last call.
local function open(keys, random)
  local state = read_state(keys)
  if not state then
    return begin_store(keys, replication_id(), random)
  end
  if state.is_lost then
    return begin_generation(keys, state, replication_id(), random)
  end
  return state
end

-- As `open`, for a node that knows this epoch as the present one. Another is refused, which is the
-- second value: the node has to learn first what is lost.
local function open_as(keys, epoch, random)
  local state = open(keys, random)
  if state.epoch ~= epoch then
    return nil, { 'EPOCH', state.epoch }
  end
  return state
end

local function seq_of(entry)
  return entry[1]:match('^%d+')
end

-- The keys of a room.
local function room_keys(prefix, room)
  return {
    state = prefix .. 'room:' .. room,
    history = prefix .. 'history:' .. room,
    clients = prefix .. 'clients:' .. room,
    changes = prefix .. 'changes:' .. room,
    bans = prefix .. 'bans:' .. room,
  }
end

-- Fails before anything is written if a key of the room is on its way to another node.
local function check_room(keys, room)
  local prefix = prefix_of(keys)
  check_keys(
    keys, prefix .. 'used', prefix .. 'forgotten',
    room.state, room.history, room.clients, room.changes, room.bans
  )
end

-- The place of the room's next entry, and what is before it. A room without a state may
-- have been one whose tombstone was dropped.
local function place_of(keys, room)
  local fields = redis.call('HMGET', room.state, 'number', 'counted', 'bytes', 'evicted', 'late')
  local place = {
    number = tonumber(fields[1] or 1),
    counted = tonumber(fields[2] or 0),
    bytes = tonumber(fields[3] or 0),
    evicted = tonumber(fields[4] or 0),
    late = fields[5] == '1',
    is_new = not fields[1],
  }
  if place.is_new then
    place.evicted = tonumber(redis.call('HGET', keys[1], 'dropped') or 0)
    place.late = place.evicted > 0
  end
  return place
end

-- Records that the room is used: it is not forgotten for a while, or not any more.
local function use(prefix, name, time)
  if redis.call('ZADD', prefix .. 'used', time, name) == 1 then
    redis.call('ZREM', prefix .. 'forgotten', name)
  end
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

-- Evicts the oldest entries down to the bounds, a part of them if they are many. Returns the bytes that are left.
local function evict(room, bytes, bounds)
  local count = redis.call('XLEN', room.history)
  local evicted
  for _ = 1, MAX_EVICTED do
    if count <= bounds.entries and (bytes <= bounds.bytes or count == 0) then
      break
    end
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
  local place = place_of(keys, room)
  local number, counted, time = place.number, place.counted, now()
  local id = use_seq(keys, state)
  local fields = { 'k', entry.kind, 'n', number, 'c', counted, 't', time, 'd', entry.content }
  local function add_field(field, value)
    if value then
      fields[#fields + 1] = field
      fields[#fields + 1] = value
    end
  end
  add_field('i', entry.client_id)
  add_field('o', entry.item)
  add_field('p', entry.before)
  redis.call('XADD', room.history, id, unpack(fields))
  add_field('r', name)
  add_to_log(keys, id, bounds, entry.content, unpack(fields))
  if entry.request then
    redis.call('HSET', room.clients, entry.client_id, state.seq .. ' ' .. entry.request)
  end
  if entry.item then
    redis.call('HSET', room.changes, entry.item, state.seq)
  end
  if place.is_new and place.late then
    redis.call('HSET', room.state, 'evicted', place.evicted, 'late', 1)
  end
  local bytes = place.bytes - (entry.freed or 0) + #entry.content + ENTRY_BYTES
  bytes = evict(room, bytes, bounds)
  local after = entry.item and { number, counted }
    or { number + (entry.kind == 'm' and 1 or 0), counted + 1 }
  redis.call('HSET', room.state, 'number', after[1], 'counted', after[2], 'bytes', bytes)
  use(prefix, name, time)
  return { 'OK', state.seq, number, counted, time }
end

-- The bounds of history, from `args[first]` on: of the room, then of the log.
local function bounds_of(args, first)
  return {
    entries = tonumber(args[first]),
    bytes = tonumber(args[first + 1]),
    log = tonumber(args[first + 2]),
    log_bytes = tonumber(args[first + 3]),
  }
end

-- What the calls state and open answer of a state.
local function describe(keys, state)
  local ended = redis.call('LRANGE', prefix_of(keys) .. 'epochs', 0, -1)
  local presence = tonumber(redis.call('HGET', keys[1], 'presence') or 0)
  return { 'OK', state.epoch, state.seq, ended, presence }
end

-- state(): the epoch, the seq, each generation that has ended, and the number of the newest
-- item of presence. CLOSED if there is no store, or if another generation has to begin. It
-- writes nothing, so a store that refuses writes answers it, too.
local function call_state(keys)
  local state = read_state(keys)
  if not state or state.is_lost then
    return { 'CLOSED' }
  end
  return describe(keys, state)
end

-- open(random): the same, once a store or another generation has begun.
local function call_open(keys, args)
  return describe(keys, open(keys, args[1]))
end

-- publish(epoch, random, room, kind, content, client id or '', request hash,
--   most entries of the room, its most bytes, most items of the log, its most bytes)
-- Answers OK seq number counted time, REPEATED seq, REUSED, or EPOCH epoch.
local function call_publish(keys, args, state)
  local name, client_id, request = args[3], args[6], args[7]
  check_room(keys, room_keys(prefix_of(keys), name))
  local entry = { kind = args[4], content = args[5] }
  if client_id ~= '' then
    local known = redis.call('HGET', prefix_of(keys) .. 'clients:' .. name, client_id)
    if known then
      local seq, first_request = known:match('^(%d+) (.*)$')
      if first_request ~= request then
        return { 'REUSED' }
      end
      -- A write that changes something: WAIT behind it waits for the first request, too.
      redis.call('HINCRBY', keys[1], 'repeated', 1)
      return { 'REPEATED', tonumber(seq) }
    end
    entry.client_id, entry.request = client_id, request
  end
  return append(keys, state, name, entry, bounds_of(args, 8))
end

-- Removes an item from the log. Returns its fields if it was there.
local function erase_from_log(keys, seq)
  local log, id = prefix_of(keys) .. 'log', seq .. '-0'
  local item = redis.call('XRANGE', log, id, id)[1]
  if not item then
    return nil
  end
  local fields = fields_of(item)
  redis.call('XDEL', log, id)
  redis.call('HINCRBY', keys[1], 'log_bytes', -cost_of(fields))
  return fields
end

-- Removes a message or event from history and from the log, which may also have earlier
-- changes of it: each names the one before.
local function erase(keys, room, item, latest)
  redis.call('XDEL', room.history, item .. '-0')
  erase_from_log(keys, item)
  while latest do
    local fields = erase_from_log(keys, latest)
    latest = fields and fields.p
  end
end

-- change(epoch, random, room, kind, content, item, latest change that the node knows of
--   the item or 0, then the bounds as of publish)
-- Answers OK seq number counted time, CONFLICT seq-of-the-latest-change, GONE, or EPOCH
-- epoch. A deletion erases the item and its earlier changes.
local function call_change(keys, args, state)
  local name, item = args[3], args[6]
  local room = room_keys(prefix_of(keys), name)
  check_room(keys, room)
  local latest = redis.call('HGET', room.changes, item)
  if (latest or '0') ~= args[7] then
    return { 'CONFLICT', tonumber(latest or 0) }
  end
  local before, own = latest and get(room, latest), get(room, item)
  local is_held = before and before.k ~= 'd' or not before and own and not own.o
  if not is_held then
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
    erase(keys, room, item, latest)
    entry.freed = entry.freed + (own and cost_of(own) or 0)
  end
  return append(keys, state, name, entry, bounds_of(args, 8))
end

-- The place of the room's next entry as of `up_to`: that of the oldest held entry behind it, or
-- else the present one.
local function place_behind(room, up_to, place)
  local entry = redis.call('XRANGE', room.history, '(' .. up_to .. '-0', '+', 'COUNT', 1)[1]
  if not entry then
    return place
  end
  local fields = fields_of(entry)
  return { number = tonumber(fields.n), counted = tonumber(fields.c) }
end

-- load(epoch, room, most entries, seq of the newest entry or nothing): the seq as of which this
-- is, the place of the room's next entry, the seq of its newest evicted entry, whether it is
-- late, its newest entries, the newest first, and its bans, each author followed by the end and
-- the content. With a seq, the place is the one behind it, and the entries are those up to it.
-- CLOSED as with state. It writes nothing.
local function call_load(keys, args)
  local state = read_state(keys)
  if not state or state.is_lost then
    return { 'CLOSED' }
  end
  if state.epoch ~= args[1] then
    return { 'EPOCH', state.epoch }
  end
  local room, up_to = room_keys(prefix_of(keys), args[2]), args[4]
  local place = place_of(keys, room)
  local next = up_to and place_behind(room, up_to, place) or place
  local newest = up_to and up_to .. '-0' or '+'
  local entries = redis.call('XREVRANGE', room.history, newest, '-', 'COUNT', args[3])
  return {
    'OK', state.seq, next.number, next.counted, place.evicted, place.late and 1 or 0, entries,
    redis.call('HGETALL', room.bans),
  }
end

-- Removes the bans that have ended.
local function drop_ended_bans(room, time)
  local bans = redis.call('HGETALL', room.bans)
  for index = 1, #bans, 2 do
    if tonumber(bans[index + 1]:match('^%d+')) <= time then
      redis.call('HDEL', room.bans, bans[index])
    end
  end
end

-- When the last ban of the room ends.
local function note_last_ban(room)
  local last = 0
  for _, ban in ipairs(redis.call('HVALS', room.bans)) do
    last = math.max(last, tonumber(ban:match('^%d+')))
  end
  redis.call('HSET', room.state, 'banned', last)
end

-- ban(epoch, random, room, author, end, content, most bans of the room, then the bounds as of
--   publish)
-- Answers OK seq, TOO_MANY, or EPOCH epoch.
local function call_ban(keys, args, state)
  local prefix, name, author = prefix_of(keys), args[3], args[4]
  local ban = args[5] .. ' ' .. args[6]
  local room = room_keys(prefix, name)
  check_room(keys, room)
  local is_known = redis.call('HEXISTS', room.bans, author) == 1
  if not is_known and redis.call('HLEN', room.bans) >= tonumber(args[7]) then
    drop_ended_bans(room, now())
    if redis.call('HLEN', room.bans) >= tonumber(args[7]) then
      return { 'TOO_MANY' }
    end
  end
  local id = use_seq(keys, state)
  redis.call('HSET', room.bans, author, ban)
  note_last_ban(room)
  use(prefix, name, now())
  add_to_log(keys, id, bounds_of(args, 8), ban, 'k', 'b', 'r', name, 'a', author, 'd', ban)
  return { 'OK', state.seq }
end

-- lift(epoch, random, room, bounds as of publish, author...): lifts the bans of these authors.
-- Answers OK seq (the newest), or EPOCH epoch.
local function call_lift(keys, args, state)
  local name, bounds = args[3], bounds_of(args, 4)
  local room = room_keys(prefix_of(keys), name)
  check_room(keys, room)
  for index = 8, #args do
    if redis.call('HEXISTS', room.bans, args[index]) == 1 then
      local id = use_seq(keys, state)
      redis.call('HDEL', room.bans, args[index])
      add_to_log(keys, id, bounds, '', 'k', 'u', 'r', name, 'a', args[index])
    end
  end
  note_last_ban(room)
  return { 'OK', state.seq }
end

-- use(room...): these rooms have readers, so they are not forgotten for a while. A room
-- that is not known stays so.
local function call_use(keys, args)
  local used, time = prefix_of(keys) .. 'used', now()
  for _, name in ipairs(args) do
    redis.call('ZADD', used, 'XX', time, name)
  end
  return { 'OK' }
end

-- Forgets all of a room but its tombstone.
local function forget_room(keys, state, name, time, bounds)
  local prefix = prefix_of(keys)
  local room = room_keys(prefix, name)
  check_room(keys, room)
  local id = use_seq(keys, state)
  local newest = redis.call('XREVRANGE', room.history, '+', '-', 'COUNT', 1)[1]
  if newest then
    redis.call('HSET', room.state, 'evicted', seq_of(newest))
  end
  redis.call('HDEL', room.state, 'bytes', 'banned')
  redis.call('DEL', room.history, room.clients, room.changes, room.bans)
  redis.call('ZREM', prefix .. 'used', name)
  redis.call('ZADD', prefix .. 'forgotten', time, name)
  add_to_log(keys, id, bounds, '', 'k', 'f', 'r', name)
end

-- Drops the oldest tombstone. From now on, any room that is not known may have lost entries
-- up to the seq that this uses.
local function drop_tombstone(keys, state, bounds)
  local prefix = prefix_of(keys)
  local name = redis.call('ZRANGE', prefix .. 'forgotten', 0, 0)[1]
  check_room(keys, room_keys(prefix, name))
  local id = use_seq(keys, state)
  redis.call('HSET', keys[1], 'dropped', state.seq)
  redis.call('ZREM', prefix .. 'forgotten', name)
  redis.call('DEL', prefix .. 'room:' .. name)
  add_to_log(keys, id, bounds, '', 'k', 'x', 'r', name)
end

-- tidy(epoch, random, how long a room is kept after its last use in milliseconds, most
--   tombstones, most rooms of this call, bounds as of publish)
-- Forgets rooms that were not used and have no ban, and drops tombstones beyond the most.
-- Answers OK and how many it found: there may be more if that is the most of this call. Or
-- EPOCH epoch.
local function call_tidy(keys, args, state)
  local prefix, time, bounds = prefix_of(keys), now(), bounds_of(args, 6)
  local used, forgotten = prefix .. 'used', prefix .. 'forgotten'
  local idle_since = time - tonumber(args[3])
  local names = redis.call('ZRANGEBYSCORE', used, '-inf', idle_since, 'LIMIT', 0, args[5])
  for _, name in ipairs(names) do
    local banned = tonumber(redis.call('HGET', prefix .. 'room:' .. name, 'banned') or 0)
    if banned > time then
      redis.call('ZADD', used, banned, name)
    else
      forget_room(keys, state, name, time, bounds)
    end
  end
  local excess = redis.call('ZCARD', forgotten) - tonumber(args[4])
  for _ = 1, math.min(excess, tonumber(args[5])) do
    drop_tombstone(keys, state, bounds)
  end
  return { 'OK', math.max(#names, excess) }
end

-- Adds an item to the stream of presence.
local function announce_presence(keys, fields)
  local number = redis.call('HINCRBY', keys[1], 'presence', 1)
  local stream = prefix_of(keys) .. 'presence'
  redis.call('XADD', stream, 'MAXLEN', '=', MAX_PRESENCE, number .. '-0', unpack(fields))
end

-- Stores that a name joins or leaves a room at a node. Returns whether that is news.
local function set_member(prefix, node, room, sign, name)
  local names = prefix .. 'members:' .. node .. ':' .. room
  if sign == '+' then
    redis.call('SADD', prefix .. 'rooms:' .. node, room)
    redis.call('SADD', prefix .. 'nodes:' .. room, node)
    return redis.call('SADD', names, name) == 1
  end
  local has_left = redis.call('SREM', names, name) == 1
  if redis.call('EXISTS', names) == 0 then
    redis.call('SREM', prefix .. 'rooms:' .. node, room)
    redis.call('SREM', prefix .. 'nodes:' .. room, node)
  end
  return has_left
end

-- Fails before anything is written if a key of the members of these rooms at a node is
-- on its way to another node.
local function check_members(keys, node, rooms)
  local prefix = prefix_of(keys)
  local checked = { prefix .. 'leases', prefix .. 'left', prefix .. 'presence' }
  if node then
    checked[#checked + 1] = prefix .. 'rooms:' .. node
  end
  for _, room in ipairs(rooms) do
    checked[#checked + 1] = prefix .. 'nodes:' .. room
    checked[#checked + 1] = prefix .. 'members:' .. node .. ':' .. room
  end
  check_keys(keys, unpack(checked))
end

-- members(node, (room, + or -, name)...): these names join and leave rooms at the node.
-- Answers OK, or NO_LEASE: then nothing is changed.
local function call_members(keys, args)
  local prefix, node = prefix_of(keys), args[1]
  local changed = {}
  for index = 2, #args, 3 do
    changed[#changed + 1] = args[index]
  end
  check_members(keys, node, changed)
  if not redis.call('ZSCORE', prefix .. 'leases', node) then
    return { 'NO_LEASE' }
  end
  local rooms, fields_of_room = {}, {}
  for index = 2, #args, 3 do
    local room, sign, name = args[index], args[index + 1], args[index + 2]
    if set_member(prefix, node, room, sign, name) then
      local fields = fields_of_room[room]
      if not fields then
        fields = { 'n', node, 'r', room }
        fields_of_room[room] = fields
        rooms[#rooms + 1] = room
      end
      fields[#fields + 1] = sign == '+' and 'j' or 'l'
      fields[#fields + 1] = name
    end
  end
  for _, room in ipairs(rooms) do
    announce_presence(keys, fields_of_room[room])
  end
  return { 'OK' }
end

-- The lease of a node is over: all its members leave at once. What is stored of them is
-- removed in parts.
local function end_lease(keys, node)
  local prefix = prefix_of(keys)
  redis.call('ZREM', prefix .. 'leases', node)
  redis.call('SADD', prefix .. 'left', node)
  announce_presence(keys, { 'n', node })
end

-- Removes what is stored of a node without a lease in these rooms: the last ones, if they are fewer
-- than `most`.
local function remove_members(prefix, node, rooms, most)
  for _, room in ipairs(rooms) do
    redis.call('DEL', prefix .. 'members:' .. node .. ':' .. room)
    redis.call('SREM', prefix .. 'nodes:' .. room, node)
    redis.call('SREM', prefix .. 'rooms:' .. node, room)
  end
  if #rooms < most then
    redis.call('SREM', prefix .. 'left', node)
  end
end

-- lease(node, its length in milliseconds, 1 if it is a new node): renews the lease. Ends
-- those that are over, and removes a part of what is left of earlier ones.
-- Answers OK, or NO_LEASE if it was over: a node goes on under another name then.
local function call_lease(keys, args)
  local prefix, time = prefix_of(keys), now()
  local leases = prefix .. 'leases'
  local gone = redis.call('SRANDMEMBER', prefix .. 'left')
  local rooms = gone and redis.call('SRANDMEMBER', prefix .. 'rooms:' .. gone, MAX_REMOVED_ROOMS)
  check_members(keys, gone, rooms or {})
  local over = redis.call('ZRANGEBYSCORE', leases, '-inf', time, 'LIMIT', 0, MAX_ENDED_LEASES)
  for _, node in ipairs(over) do
    end_lease(keys, node)
  end
  if gone then
    remove_members(prefix, gone, rooms, MAX_REMOVED_ROOMS)
  end
  if args[3] ~= '1' and not redis.call('ZSCORE', leases, args[1]) then
    return { 'NO_LEASE' }
  end
  redis.call('ZADD', leases, time + tonumber(args[2]), args[1])
  return { 'OK' }
end

-- leave(node): its lease is over. Answers OK.
local function call_leave(keys, args)
  check_members(keys, nil, {})
  if redis.call('ZSCORE', prefix_of(keys) .. 'leases', args[1]) then
    end_lease(keys, args[1])
  end
  return { 'OK' }
end

-- members_of(room): the number of the newest item of presence, as of which this is, and each
-- node with the names of the room's members there.
local function call_members_of(keys, args)
  local prefix, room = prefix_of(keys), args[1]
  local nodes = {}
  for _, node in ipairs(redis.call('SMEMBERS', prefix .. 'nodes:' .. room)) do
    if redis.call('ZSCORE', prefix .. 'leases', node) then
      nodes[#nodes + 1] = node
      nodes[#nodes + 1] = redis.call('SMEMBERS', prefix .. 'members:' .. node .. ':' .. room)
    end
  end
  return { 'OK', tonumber(redis.call('HGET', keys[1], 'presence') or 0), nodes }
end

-- The keys of tickets, after the check that none is on its way to another node.
local function ticket_keys(keys)
  local prefix = prefix_of(keys)
  local tickets, ends = prefix .. 'tickets', prefix .. 'ticket_ends'
  check_keys(keys, tickets, ends)
  return tickets, ends
end

-- The content of a ticket; `nil` if it was taken, is over, or never was.
local function content_of(tickets, id)
  local ticket = redis.call('HGET', tickets, id)
  if not ticket then
    return nil
  end
  local ends, content = ticket:match('^(%d+) (.*)$')
  return tonumber(ends) > now() and content or nil
end

-- put_ticket(id, content, how long it is good in milliseconds, most tickets): stores a ticket.
-- Drops a part of those that are over. Answers OK, or TOO_MANY_TICKETS.
local function call_put_ticket(keys, args)
  local tickets, ends = ticket_keys(keys)
  local id, time = args[1], now()
  local over = redis.call('ZRANGEBYSCORE', ends, '-inf', time, 'LIMIT', 0, MAX_DROPPED_TICKETS)
  if #over > 0 then
    redis.call('HDEL', tickets, unpack(over))
    redis.call('ZREM', ends, unpack(over))
  end
  local is_new = not redis.call('ZSCORE', ends, id)
  if is_new and redis.call('ZCARD', ends) >= tonumber(args[4]) then
    return { 'TOO_MANY_TICKETS' }
  end
  local at = string.format('%d', time + args[3])
  redis.call('ZADD', ends, at, id)
  redis.call('HSET', tickets, id, at .. ' ' .. args[2])
  local last = redis.call('ZREVRANGE', ends, 0, 0, 'WITHSCORES')[2]
  redis.call('PEXPIREAT', tickets, last)
  redis.call('PEXPIREAT', ends, last)
  return { 'OK' }
end

-- ticket(id): its content, and leaves it. Answers OK content, or NONE. It writes nothing.
local function call_ticket(keys, args)
  local content = content_of(prefix_of(keys) .. 'tickets', args[1])
  return content and { 'OK', content } or { 'NONE' }
end

-- take_ticket(id): its content, once. Answers OK content, or NONE.
local function call_take_ticket(keys, args)
  local tickets, ends = ticket_keys(keys)
  local content = content_of(tickets, args[1])
  redis.call('HDEL', tickets, args[1])
  redis.call('ZREM', ends, args[1])
  return content and { 'OK', content } or { 'NONE' }
end

-- Flags: what writes nothing, or frees memory, is also done when Redis is full.
local function register(name, callback, flag)
  local flags = flag and { flag } or {}
  redis.register_function { function_name = name, callback = callback, flags = flags }
end

-- A function that writes history. Its arguments begin with the epoch that the node knows and
-- four random characters; the callback gets the state of that generation, too.
local function register_writer(name, callback, flag)
  register(name, function(keys, args)
    local state, refusal = open_as(keys, args[1], args[2])
    if not state then
      return refusal
    end
    return callback(keys, args, state)
  end, flag)
end

register('sse_chat_state', call_state, 'no-writes')
register('sse_chat_load', call_load, 'no-writes')
register('sse_chat_members_of', call_members_of, 'no-writes')
register('sse_chat_ticket', call_ticket, 'no-writes')
register('sse_chat_open', call_open, 'allow-oom')
register_writer('sse_chat_delete', call_change, 'allow-oom')
register_writer('sse_chat_lift', call_lift, 'allow-oom')
register('sse_chat_use', call_use, 'allow-oom')
register_writer('sse_chat_tidy', call_tidy, 'allow-oom')
register('sse_chat_lease', call_lease, 'allow-oom')
register('sse_chat_leave', call_leave, 'allow-oom')
register('sse_chat_take_ticket', call_take_ticket, 'allow-oom')
register_writer('sse_chat_publish', call_publish)
register_writer('sse_chat_change', call_change)
register_writer('sse_chat_ban', call_ban)
register('sse_chat_members', call_members)
register('sse_chat_put_ticket', call_put_ticket)
