"use strict";

// Runs the Go program. wasm_exec.js comes with Go.
const go = new Go();
WebAssembly.instantiateStreaming(fetch("client.wasm"), go.importObject)
	.then(({ instance }) => go.run(instance))
	.catch((error) => {
		document.getElementById("log").append(String(error));
	});
