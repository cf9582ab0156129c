; Pragmas arrive as calls of the preprocessor.
(preproc_call
  directive: (preproc_directive) @directive) @pragma
