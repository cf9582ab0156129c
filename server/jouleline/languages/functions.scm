; Function definitions, those of templates included.
(function_definition) @function
