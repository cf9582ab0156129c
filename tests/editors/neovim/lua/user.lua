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

-- Stop the server, and wait until its process has ended.
function M.leave()
  vim.lsp.stop_client(vim.lsp.get_clients())
  M.wait('the end of the server', function()
    return #vim.api.nvim_get_proc_children(vim.fn.getpid()) == 0
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
    return M.contains(M.hints(), text)
  end)
end

-- The text of the window that floats above the others, if there is one.
function M.floating()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      return table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), '\n')
    end
  end
end

function M.wait_for_window(text)
  M.wait('a window with ' .. text, function()
    return (M.floating() or ''):find(text, 1, true) ~= nil
  end)
end

function M.contains(list, text)
  return vim.iter(list):any(function(one)
    return one:find(text, 1, true) ~= nil
  end)
end

-- Killed, as by a machine that has no memory left.
function M.kill_the_server()
  local client = vim.lsp.get_clients({ name = 'jouleline' })[1]
  for _, process in ipairs(vim.api.nvim_get_proc_children(vim.fn.getpid())) do
    vim.uv.kill(process, 'sigkill')
  end
  M.wait('the end of the server', function()
    return client:is_stopped()
  end)
end

function M.text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n') .. '\n'
end

-- Lists are answered as a user would: by choosing the row with this text, which a function may give. What was
-- asked is kept.
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
  if type(wanted) == 'function' then
    wanted = wanted()
  end
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

-- What is echoed is in the last line; headless there is none.
M.echoed = {}
local echo = vim.api.nvim_echo
vim.api.nvim_echo = function(chunks, ...)
  table.insert(M.echoed, chunks[1][1])
  return echo(chunks, ...)
end

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
