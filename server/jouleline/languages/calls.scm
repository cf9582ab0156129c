; Calls by name, with or without template arguments.
(call_expression
  function: (identifier) @name
  arguments: (argument_list) @arguments) @call
