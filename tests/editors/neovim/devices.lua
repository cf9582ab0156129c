-- Another GPU by the documented command, one that there is not, and several side by side.
local user = require('user')
user.open('stencil/stencil.cu')
user.wait_for_hint('bandwidth-bound')
local before = user.hints()[1]
vim.cmd.JoulelineGpu('h200')
user.wait('another bound', function()
  return #user.hints() == 2 and user.hints()[1] ~= before
end)
assert(vim.fn.execute('messages'):find('Bounds are for NVIDIA H200', 1, true), vim.fn.execute('messages'))
local completed = vim.fn.getcompletion('JoulelineGpu h', 'cmdline')
assert(user.contains(completed, 'h200') and not user.contains(completed, 'rtx'), vim.inspect(completed))
vim.cmd.JoulelineGpu('h2000')
user.wait('what is wrong', function()
  return vim.fn.execute('messages'):find('h200', 1, true) ~= nil
end)
vim.cmd.JoulelineCompare()
user.wait_for_window('NVIDIA H200')
user.wait_for_window('NVIDIA B200')
