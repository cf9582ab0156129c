;;; bounds.el --- hints of a file, and again after an edit -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((line (string-to-number (pop command-line-args-left)))
      (work (pop command-line-args-left)))
  (user-open "stencil/stencil.cu")
  (cl-assert (eq major-mode 'c++-mode) t)
  (let ((hints (user-hints)))
    (cl-assert (= (length hints) 2) t)
    (cl-assert (string-match-p "bandwidth-bound" (car hints)) t))
  (goto-char (point-min))
  (forward-line line)
  (insert work "\n")
  (eglot--signal-textDocument/didChange)
  (cl-assert (string-match-p "compute-bound" (car (user-hints))) t)
  (user-leave))
;;; bounds.el ends here
