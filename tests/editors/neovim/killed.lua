-- The server is killed while it builds; the next one has the text as it is, and the build has ended.
local user = require('user')
user.open('stuck/stuck.cpp')
user.wait('a hint', function()
  return #user.hints() == 1
end)
local line = tonumber(arg[2])
vim.api.nvim_win_set_cursor(0, { line, 0 })
user.answers = { 'Refactor for energy', 'Dismiss' }
vim.lsp.buf.code_action()
user.wait('the build', function()
  return user.progress_of('report', 'sleep')
end)
local loop = { '#pragma omp parallel for', '    for (int i = 0; i < n; i++) a[i] = 0.0;' }
vim.api.nvim_buf_set_lines(0, line - 1, line - 1, true, loop)
user.kill_the_server()
vim.lsp.enable('jouleline')
user.wait('two hints', function()
  return #user.hints() == 2
end)
user.wait('the offer to go on', function()
  return #user.asked == 2
end)
assert(user.asked[2].prompt:find('cut off before it was done', 1, true), vim.inspect(user.asked))
