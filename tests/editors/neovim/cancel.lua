-- What a run does is shown, and the documented command cancels it.
local user = require('user')
user.open('stuck/stuck.cpp')
user.wait('a hint', function()
  return #user.hints() == 1
end)
vim.api.nvim_win_set_cursor(0, { tonumber(arg[2]), 0 })
user.answers = { 'Refactor for energy' }
vim.lsp.buf.code_action()
user.wait('the build', function()
  return user.progress_of('report', 'sleep')
end)
assert(user.contains(user.echoed, 'sleep'), vim.inspect(user.echoed))
vim.cmd.JoulelineCancel()
user.wait('the end', function()
  return user.progress_of('end', 'cancelled')
end)
assert(#user.hints() == 1)
