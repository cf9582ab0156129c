;;; cancel.el --- a run is ended by its user, and one by a shutdown of its server -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((line (string-to-number (pop command-line-args-left)))
      (build (pop command-line-args-left)))
  (user-open "stuck/stuck.cpp")
  (user-refactor line)
  (user-wait "the build" (lambda () (user-processes build)))
  (jouleline-cancel)
  (user-wait-told "cancelled")
  (cl-assert (not (user-processes build)))
  (cl-assert (= (length (user-hints)) 1) t)
  (user-refactor line)
  (user-wait "another build" (lambda () (user-processes build)))
  (user-leave))
;;; cancel.el ends here
