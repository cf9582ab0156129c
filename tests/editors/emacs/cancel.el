;;; cancel.el --- a run is ended by a shutdown of its server -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((line (string-to-number (pop command-line-args-left)))
      (build (pop command-line-args-left)))
  (user-open "stuck/stuck.cpp")
  (goto-char (point-min))
  (forward-line (1- line))
  (setq user-answers '("Refactor for energy"))
  (let ((last-nonmenu-event ?\r))
    (call-interactively #'eglot-code-actions))
  (user-wait "the build"
             (lambda ()
               (cl-some (lambda (process) (equal (alist-get 'args (process-attributes process)) build))
                        (list-system-processes))))
  (eglot-shutdown (eglot-current-server) nil 30))
;;; cancel.el ends here
