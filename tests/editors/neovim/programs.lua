-- Two programs: the documented commands ask the server of the one in front, and a choice is for all.
local user = require('user')
user.open('one/stencil.cu')
user.wait_for_hint('bandwidth-bound')
local before = user.hints()
vim.cmd.JoulelineGpu('h200')
user.wait('another bound', function()
  return #user.hints() == 2 and user.hints()[1] ~= before[1]
end)
local chosen = user.hints()
vim.cmd.split() -- Neovim asks anew for the hints of what is shown alone
user.open('two/stencil.cu')
user.wait('the same bounds', function()
  return vim.deep_equal(user.hints(), chosen)
end)
assert(#vim.lsp.get_clients({ name = 'jouleline' }) == tonumber(arg[2]))
vim.cmd.JoulelineReport()
user.wait_for_window('smooth')
vim.cmd.JoulelineGpu('rtx-3080')
for _, program in ipairs({ 'two', 'one' }) do
  vim.cmd.drop(user.folder .. '/' .. program .. '/stencil.cu')
  user.wait('the bounds of before in ' .. program, function()
    return vim.deep_equal(user.hints(), before)
  end, 20000)
end
