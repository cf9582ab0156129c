;;; user.el --- what a user does in Emacs, and sees there -*- lexical-binding: t; -*-

;;; Code:

(require 'cl-lib)
(require 'eglot)
(require 'jsonrpc)

(defvar user-folder (pop command-line-args-left))
(defvar user-asked nil "What Emacs asked, the last question first.")
(defvar user-answers nil "The next answers.")

(defun user-answer (prompt &rest _)
  "Answer PROMPT with the next of `user-answers', as a user would type it."
  (push prompt user-asked)
  (or (pop user-answers) (error "Nothing to answer to: %s" prompt)))

(advice-add 'completing-read :override #'user-answer)
(advice-add 'y-or-n-p :override (lambda (prompt) (equal (user-answer prompt) "y")))

(defun user-wait (what condition &optional seconds)
  "Wait until CONDITION holds; WHAT says in words what is waited for, SECONDS for how long."
  (let ((end (+ (float-time) (or seconds 60))))
    (while (not (funcall condition))
      (when (> (float-time) end) (error "Waited in vain for %s" what))
      (accept-process-output nil 0.02))))

(defun user-open (name)
  "Open the file NAME and start the server by hand."
  (find-file (expand-file-name name user-folder))
  (call-interactively #'eglot)
  (user-wait "the server" (lambda () (and (eglot-current-server) (eglot--managed-mode)))))

(defun user-hints ()
  "Ask for the hints of the whole buffer, and return their labels."
  (mapcar
   (lambda (hint)
     (let ((label (plist-get hint :label)))
       (if (stringp label) label
         (mapconcat (lambda (part) (plist-get part :value)) label ""))))
   (jsonrpc-request
    (eglot-current-server) :textDocument/inlayHint
    (list :textDocument (eglot--TextDocumentIdentifier)
          :range (list :start (eglot--pos-to-lsp-position (point-min))
                       :end (eglot--pos-to-lsp-position (point-max)))))))

(provide 'user)
;;; user.el ends here
