;;; apply.el --- the code action to the applied edit -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((line (string-to-number (pop command-line-args-left))))
  (user-open "decay/decay.cpp")
  (setq user-answers
        (list (lambda ()
                ;; What an editor leaves that crashes now.
                (copy-directory "~/.local/state/jouleline/runs" (expand-file-name "left" user-folder))
                "Apply")
              "y"))
  (user-refactor line)
  ;; No progress is shown.
  (user-wait-told "Refactoring decay.cpp for energy takes a while")
  ;; Emacs does not stand still while the program is built and measured.
  (cl-assert (= (length user-asked) 1) t)
  (cl-assert (not (buffer-modified-p)))
  (user-wait "the edit" #'buffer-modified-p 240)
  (cl-assert (string-match-p "Apply the edit\\?" (nth 1 user-asked)) t)
  (cl-assert (string-match-p "energy (modelled by cpu-time" (nth 1 user-asked)) t)
  (princ (buffer-string))
  (set-buffer-modified-p nil)
  (user-leave))
;;; apply.el ends here
