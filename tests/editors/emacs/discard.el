;;; discard.el --- the edit of a run that ended while no editor was open -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(setq user-answers '("Show patch" "Discard"))
(user-open "decay/decay.cpp")
(user-wait-told "Nothing was changed")
(cl-assert (= (length user-asked) 2) t)
(cl-assert (string-match-p "finished while you were away" (car user-asked)) t)
(cl-assert (not (buffer-modified-p)))
(user-leave)
;;; discard.el ends here
