"""Where relative paths lead."""

import os

from minicaffe.proto import find


def test_working_directory_first_then_the_prototxts_folder(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "both").write_text("")
    (there / "beside").write_text("")
    monkeypatch.chdir(here)
    assert find("both", str(there)) == "both"
    assert find("beside", str(there)) == os.path.join(str(there), "beside")
    assert find("neither", str(there)) == "neither"
    assert find(str(there / "beside"), str(here)) == str(there / "beside")
    assert find("", str(there)) == ""
    assert find("beside", "") == "beside"
