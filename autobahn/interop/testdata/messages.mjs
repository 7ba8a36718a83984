// The messages of every exchange; messages.py and the Go test have the same.
export function messages() {
  const list = ['', 'a', 'κόσμε 𝄞', 'x'.repeat(125), 'x'.repeat(126), 'x'.repeat(65535), 'x'.repeat(65536)]
  let text = ''
  for (let i = 0; i < 3000; i++) text += `{"id":${i * 7919 % 1000},"name":"user ${i % 17}"}`
  list.push(text, text.slice(0, 700), text.slice(100, 900))
  const bytes = Buffer.alloc(200000)
  for (let i = 0, x = 1; i < bytes.length; i++) { x = (x * 75 + 74) % 65537; bytes[i] = x & 255 }
  list.push(bytes, Buffer.alloc(0), bytes.subarray(0, 300), text.slice(0, 700))
  return list
}
