// demo.js: the page. connection.js is its first half, room.js its second.

import { startConnection } from "./connection.js";
import { startRoom } from "./room.js";

startConnection();
startRoom();
