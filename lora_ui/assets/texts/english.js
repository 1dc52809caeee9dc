/** English, a section for each part of the tab. A key without a use, or without a text, is found by a test. */
export default {
  "dialog.cancel": "Cancel",
  "dialog.close": "Close",
  "dialog.discard": "Discard",
  "dialog.discardText": "They are not saved.",
  "dialog.discardTitle": "Discard your changes?",
  "dialog.keep": "Keep it",
  "dialog.keepEditing": "Keep editing",
  "dialog.save": "Save",

  "server.away": "The server cannot be reached.",
  "server.awayHint": "Check that the program is still running. The page reconnects by itself.",
  "server.error": "The server answered with an error.",
  "server.status": "The server answered with status {status}.",

  "toast.dismiss": "Dismiss",

  "trash.deletedAt": "deleted {when}",
  "trash.emptied": "The trash is empty.",
  "trash.empty": "Empty the trash",
  "trash.emptyText": "{what} will be deleted for good. This cannot be undone.",
  "trash.emptyTitle": "Empty the trash?",
  "trash.emptyVerb": "Delete for good",
  "trash.none": "Nothing is in the trash.",
  "trash.restore": "Bring back",
  "trash.restoreOne": "Bring back {title}",

  "upload.cancelled": "Cancelled. Nothing was kept.",
  "upload.files": "Choose files",
  "upload.folder": "Choose a folder",
  "upload.loras": "Upload LoRAs",
  "upload.more": "Files or a folder",
  "upload.short": "Upload",
};
