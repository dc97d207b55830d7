"""What comes from outside passes here first: names, addresses, folders, documents, and how large a thing may be.

A data set, a video, a result file or an address is somebody else's, and may be damaged or made to harm. Each kind of
danger is met in one place, which every reader and writer uses:

* `trackforge.intake.names`: a name that a file states is never a way out of a folder;
* `trackforge.intake.addresses`: a password in an address is never shown;
* `trackforge.intake.folders`: files that people never meant are left out, the rest stands in the order they meant;
* `trackforge.intake.documents`: JSON, whatever nonsense it holds;
* `trackforge.intake.limits`: a number in a file never decides alone how much memory is taken;
* `trackforge.intake.reading`: what still goes wrong in a reader becomes an error of ours that names the file.
"""
