;;; hover.el --- what the echo area shows of a kernel -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((code 1))
  ;; With a screen, an error would wait for its user.
  (unwind-protect
      (progn
        (user-open "stencil/stencil.cu")
        (goto-char (point-min))
        (search-forward "smooth")
        ;; As after a step: otherwise the area is left to whatever goes on.
        (setq this-command nil
              last-command 'forward-word)
        (eldoc-print-current-symbol-info)
        (user-wait "the bound" (lambda () (string-match-p "-bound" (or (current-message) ""))))
        (redisplay t)
        (user-leave)
        (setq code 0))
    (kill-emacs code)))
;;; hover.el ends here
