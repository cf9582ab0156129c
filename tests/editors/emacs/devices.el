;;; devices.el --- another GPU, and several side by side -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(user-open "stencil/stencil.cu")
(let ((before (user-hints)))
  (jouleline-gpu "h200")
  (user-wait "other bounds" (lambda () (not (equal (user-hints) before))))
  (cl-assert (= (length (user-hints)) 2) t))
(let ((told (condition-case problem (jouleline-gpu "h2000") (user-error (cadr problem)))))
  (cl-assert (string-match-p "\\`unknown GPU .h2000.: did you mean h200" told) t))
(jouleline-compare)
(with-current-buffer "*Jouleline*"
  (cl-assert (string-match-p "NVIDIA B200" (buffer-string)) t))
(user-leave)
;;; devices.el ends here
