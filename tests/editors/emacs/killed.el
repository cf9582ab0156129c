;;; killed.el --- the server is killed while it builds -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((line (string-to-number (pop command-line-args-left)))
      (build (pop command-line-args-left))
      ;; However short its life was.
      (eglot-autoreconnect t))
  (user-open "stuck/stuck.cpp")
  (let ((killed (eglot-current-server)))
    (user-refactor line)
    (user-wait "the build" (lambda () (user-processes build)))
    (insert "#pragma omp parallel for\nfor (int i = 0; i < n; i++) a[i] = 0.0;\n")
    (signal-process (jsonrpc--process killed) 'SIGKILL)
    (user-wait "another server" (lambda () (not (memq (eglot-current-server) (list nil killed))))))
  (cl-assert (= (length (user-hints)) 2) t)
  (set-buffer-modified-p nil)
  (user-wait "the end of the build" (lambda () (not (user-processes build))))
  (eglot-shutdown (eglot-current-server)))
;;; killed.el ends here
