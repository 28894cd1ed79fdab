// The peer `better-sse`: a chat as one writes it with express and better-sse,
// one channel a room, everything else as it comes. It keeps no history, so it
// has nothing for a reader that returns.
//
//   node server.mjs PORT

import { createChannel, createSession } from 'better-sse';
import express from 'express';

const rooms = new Map();
let seq = 0;

function roomOf(request) {
  const name = request.params.room;
  let room = rooms.get(name);
  if (room === undefined) {
    room = { name, number: 0, channel: createChannel() };
    rooms.set(name, room);
  }
  return room;
}

async function subscribe(request, response) {
  const session = await createSession(request, response);
  roomOf(request).channel.register(session);
}

function publish(request, response) {
  const room = roomOf(request);
  seq += 1;
  room.number += 1;
  const message = {
    id: `peer00000000-${seq}`,
    room: room.name,
    number: room.number,
    name: request.body.name,
    message: request.body.message,
    created_at: new Date().toISOString(),
  };
  response.status(201).json(message);
  room.channel.broadcast(message, 'update', { eventId: message.id });
}

const app = express();
app.get('/rooms/:room/events', subscribe);
app.post('/rooms/:room/messages', express.json(), publish);

const server = app.listen(Number(process.argv[2]), '127.0.0.1', 4096, (error) => {
  if (error) {
    console.error(`better-sse: ${error.message}`);
    process.exitCode = 1;
  }
});
// Like the others, it leaves connections open that wait for their next request.
server.keepAliveTimeout = 3600_000;
