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
    (setq user-answers '("Dismiss"))
    (insert "#pragma omp parallel for\nfor (int i = 0; i < n; i++) a[i] = 0.0;\n")
    (signal-process (jsonrpc--process killed) 'SIGKILL)
    (user-wait "another server" (lambda () (not (memq (eglot-current-server) (list nil killed))))))
  (cl-assert (= (length (user-hints)) 2) t)
  (user-wait "the end of the build" (lambda () (not (user-processes build))))
  (user-wait "the offer to go on" (lambda () (not user-answers)))
  (cl-assert (string-match-p "cut off before it was done" (car user-asked)) t)
  (set-buffer-modified-p nil)
  (user-leave))
;;; killed.el ends here
