-- The edit of a run that ended while no editor was open is looked at, and not wanted.
local user = require('user')
user.answers = { 'Show patch', 'Discard' }
user.open('decay/decay.cpp')
local before = user.text()
user.wait('what becomes of it', function()
  return user.contains(user.told, 'Nothing was changed')
end)
assert(user.asked[1].prompt:find('finished while you were away', 1, true), vim.inspect(user.asked))
assert(#user.asked == 2, vim.inspect(user.asked))
vim.cmd.edit('decay/decay.cpp')
assert(user.text() == before)
