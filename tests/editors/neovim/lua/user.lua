-- What a user does in Neovim, and sees there. Every wait is for a condition.
local M = {}

M.folder, M.answers = arg[1], {}

function M.wait(what, condition, milliseconds)
  if not vim.wait(milliseconds or 60000, condition, 20) then
    error('waited in vain for ' .. what .. '; messages:\n' .. vim.fn.execute('messages'))
  end
end

function M.open(name)
  vim.cmd.edit(M.folder .. '/' .. name)
  M.wait('the server', function()
    return #vim.lsp.get_clients({ bufnr = 0, name = 'jouleline' }) == 1
  end)
end

function M.hints()
  return vim
    .iter(vim.lsp.inlay_hint.get({ bufnr = 0 }))
    :map(function(one)
      local label = one.inlay_hint.label
      return type(label) == 'string' and label
        or vim.iter(label):fold('', function(text, part)
          return text .. part.value
        end)
    end)
    :totable()
end

function M.wait_for_hint(text)
  M.wait('a hint with ' .. text, function()
    return vim.iter(M.hints()):any(function(hint)
      return hint:find(text, 1, true) ~= nil
    end)
  end)
end

function M.text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n') .. '\n'
end

-- Lists are answered as a user would: by choosing the row with this text. What was asked is kept.
M.asked = {}
vim.ui.select = function(items, options, choose)
  local format = options.format_item or tostring
  local rows = vim
    .iter(items)
    :map(function(item)
      local row = format(item) -- some return a count besides
      return row
    end)
    :totable()
  table.insert(M.asked, { prompt = options.prompt, rows = rows })
  local wanted = table.remove(M.answers, 1)
  for number, row in ipairs(rows) do
    if wanted ~= nil and row:find(wanted, 1, true) then
      return choose(items[number], number)
    end
  end
  choose(nil)
end

M.progress = {}
vim.api.nvim_create_autocmd('LspProgress', {
  callback = function(event)
    table.insert(M.progress, event.data.params)
  end,
})

M.told = {}
vim.lsp.handlers['window/showMessage'] = function(_, params)
  table.insert(M.told, params.message)
end

function M.progress_of(kind, text)
  return vim.iter(M.progress):find(function(one)
    return one.value.kind == kind and (one.value.message or one.value.title or ''):find(text or '', 1, true)
  end)
end

return M
