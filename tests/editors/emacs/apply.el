;;; apply.el --- the code action to the applied edit -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((line (string-to-number (pop command-line-args-left))))
  (user-open "decay/decay.cpp")
  (goto-char (point-min))
  (forward-line (1- line))
  (setq user-answers '("Refactor for energy" "Apply" "y"))
  ;; By the keyboard: a mouse would get a menu.
  (let ((last-nonmenu-event ?\r))
    (call-interactively #'eglot-code-actions))
  ;; Emacs does not stand still while the program is built and measured.
  (cl-assert (= (length user-asked) 1) t)
  (cl-assert (not (buffer-modified-p)))
  (user-wait "the edit" #'buffer-modified-p 240)
  (cl-assert (string-match-p "Apply the edit\\?" (nth 1 user-asked)) t)
  (cl-assert (string-match-p "energy (modelled by cpu-time" (nth 1 user-asked)) t)
  (princ (buffer-string))
  (set-buffer-modified-p nil)
  (eglot-shutdown (eglot-current-server)))
;;; apply.el ends here
