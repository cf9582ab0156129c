-- Where the server is not installed, the documented command tells.
vim.cmd.edit(arg[1] .. '/stencil/stencil.cu')
assert(#vim.lsp.get_clients() == 0)
vim.cmd.checkhealth('vim.lsp')
io.write(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n'))
