-- Hints at a kernel and its launch, a hover, and hints again after an edit.
local user = require('user')
user.open('stencil/stencil.cu')
assert(vim.bo.filetype == 'cuda', vim.bo.filetype)
user.wait('two hints', function()
  return #user.hints() == 2
end)
user.wait_for_hint('bandwidth-bound')

vim.api.nvim_win_set_cursor(0, { tonumber(arg[2]), 22 })
vim.lsp.buf.hover()
user.wait_for_window('DRAM')
local shown = user.floating()
assert(shown:find('smooth', 1, true), shown)
assert(shown:find('\nDRAM traffic +134 MB'), shown)
-- A picture would be a line of base64 here.
assert(not shown:find('data:image', 1, true), shown)

local after = tonumber(arg[3])
vim.api.nvim_buf_set_lines(0, after, after, true, { arg[4] })
user.wait_for_hint('compute-bound')
