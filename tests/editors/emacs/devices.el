;;; devices.el --- another GPU, by what is documented -*- lexical-binding: t; -*-

;;; Code:

(require 'user)
(let ((choose (car (read-from-string (pop command-line-args-left)))))
  (user-open "stencil/stencil.cu")
  (let ((before (user-hints)))
    (eval choose)
    (user-wait "other bounds" (lambda () (not (equal (user-hints) before))))
    (cl-assert (= (length (user-hints)) 2) t))
  (user-leave))
;;; devices.el ends here
