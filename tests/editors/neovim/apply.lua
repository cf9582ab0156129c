-- The code action to the applied edit, with progress. Neovim cannot mark an edit as needing confirmation,
-- so it is asked for; with a plugin that says it can, the annotated edit comes at once.
local user = require('user')
local annotated = arg[3] == 'annotated'
if annotated then
  vim.lsp.config('jouleline', {
    capabilities = {
      workspace = {
        workspaceEdit = { documentChanges = true, changeAnnotationSupport = { groupsOnLabel = false } },
      },
    },
  })
end
local edits = {}
local apply = vim.lsp.util.apply_workspace_edit
vim.lsp.util.apply_workspace_edit = function(edit, ...)
  table.insert(edits, edit)
  return apply(edit, ...)
end

user.open('decay/decay.cpp')
user.wait('a hint', function()
  return #user.hints() == 1
end)
local before = user.text()
vim.api.nvim_win_set_cursor(0, { tonumber(arg[2]), 0 })
local function apply()
  -- What an editor leaves that crashes now.
  vim.fn.system({ 'cp', '-r', vim.fn.expand('~/.local/state/jouleline/runs'), user.folder .. '/left' })
  return 'Apply'
end
user.answers = { 'Refactor for energy', apply }
vim.lsp.buf.code_action()
user.wait('progress', function()
  return user.progress_of('begin', 'Refactoring decay.cpp for energy')
end)
user.wait('the edit', function()
  return #edits == 1
end, 240000)
user.wait('the end', function()
  return user.progress_of('end')
end)
for _, stage in ipairs({ 'baseline', 'verify', 'measure' }) do
  assert(user.progress_of('report', stage), 'no word of ' .. stage)
end
assert(user.text() ~= before)
local annotations = vim.tbl_values(edits[1].changeAnnotations or {})
if annotated then
  assert(#user.asked == 1, vim.inspect(user.asked))
  assert(#annotations == 1 and annotations[1].label:find('energy (modelled by cpu-time', 1, true), vim.inspect(edits))
else
  assert(user.asked[2].prompt:find('Apply the edit?', 1, true), vim.inspect(user.asked))
  assert(vim.deep_equal(user.asked[2].rows, { 'Apply', 'Show patch', 'Discard' }), vim.inspect(user.asked))
  assert(#annotations == 0, vim.inspect(edits))
end
user.leave()
io.write(user.text())
