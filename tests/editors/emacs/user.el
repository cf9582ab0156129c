;;; user.el --- what a user does in Emacs, and sees there -*- lexical-binding: t; -*-

;;; Code:

(require 'cl-lib)
(require 'eglot)
(require 'jsonrpc)

;; Each test has a home of its own, where nothing would be compiled for long.
(setq native-comp-deferred-compilation nil)
;; A lock beside a file is seen by eglot's watch, and Emacs without a screen then waits for a key for ever.
(setq create-lockfiles nil)

(defvar user-folder (pop command-line-args-left))
(defvar user-asked nil "What Emacs asked, the last question first.")
(defvar user-answers nil "The next answers.")

(defun user-answer (prompt &rest _)
  "Answer PROMPT with the next of `user-answers', as a user would type it."
  (push prompt user-asked)
  (let ((answer (or (pop user-answers) (error "Nothing to answer to: %s" prompt))))
    (if (functionp answer) (funcall answer) answer)))

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

(defun user-leave ()
  "Shut the server down, for which eglot would wait for a second and a half."
  (eglot-shutdown (eglot-current-server) nil 30))

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

(defun user-refactor (line)
  "Choose the code action in LINE by the keyboard: a mouse would get a menu."
  (goto-char (point-min))
  (forward-line (1- line))
  (push "Refactor for energy" user-answers)
  (let ((last-nonmenu-event ?\r))
    (call-interactively #'eglot-code-actions)))

(defun user-processes (command)
  "The processes that were started by COMMAND, its words with a blank between them."
  (cl-remove-if-not
   (lambda (process) (equal (alist-get 'args (process-attributes process)) command))
   (list-system-processes)))

(defvar user-told nil "What the server said, the last first.")
(advice-add 'eglot--message :before (lambda (&rest said) (push (apply #'format said) user-told)))

(defun user-wait-told (text)
  "Wait until the server said something with TEXT in it."
  (user-wait text (lambda () (cl-some (lambda (said) (string-match-p (regexp-quote text) said)) user-told))))

(provide 'user)
;;; user.el ends here
