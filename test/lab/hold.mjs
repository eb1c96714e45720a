// Loaded before a script by NODE_OPTIONS: it stops its own process (SIGSTOP) with the first line that is said of each step named in
// HOLD_AT, a JSON array of titles. Anyone who watches then has all the time to see where it is, and to do to it what is to happen there.
const titles = new Set(JSON.parse(process.env.HOLD_AT ?? '[]'))
const write = process.stderr.write.bind(process.stderr)

process.stderr.write = (chunk, ...rest) => {
  const written = write(chunk, ...rest)
  const said = String(chunk)
  for (const title of titles) {
    if (!said.startsWith(`◎ ${title}`) && !said.startsWith(`✔ ${title}`)) continue
    titles.delete(title)
    process.kill(process.pid, 'SIGSTOP')
  }
  return written
}
