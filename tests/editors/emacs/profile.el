;;; profile.el --- a profile in place of estimates, and what is known then -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(user-open "stencil/stencil.cu")
(cl-assert (string-match-p "source" (car (user-hints))) t)
(cl-assert (string-match-p "cannot be read"
                           (condition-case problem
                               (jouleline-import-profile (expand-file-name "nothing.csv" user-folder))
                             (error (error-message-string problem))))
           t)
(cl-assert (string-match-p "1 kernel has measured counts now"
                           (jouleline-import-profile (expand-file-name "profile.csv" user-folder)))
           t)
(cl-assert (string-match-p "profile" (car (user-hints))) t)
(jouleline-report)
(with-current-buffer "*Jouleline*"
  (cl-assert (string-match-p "measured by ncu" (buffer-string)) t))
(user-leave)
;;; profile.el ends here
