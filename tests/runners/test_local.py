from jouleline.runners.environment import job_environment
from jouleline.runners.local import LocalRunner


def test_it_claims_no_guarantee() -> None:
    assert LocalRunner().name == "local"
    assert LocalRunner().guarantees == ()


def test_the_environment_holds_what_compilers_read_and_no_more() -> None:
    ours = {"PATH": "/ours", "CPATH": "/include", "CUDA_HOME": "/cuda", "SHELL": "x", "CUDA_API_KEY": "x"}
    assert job_environment(ours, "/scratch", {}) == {
        "PATH": "/ours",
        "CPATH": "/include",
        "CUDA_HOME": "/cuda",
        "HOME": "/scratch",
        "TMPDIR": "/scratch",
    }


def test_the_job_s_own_variables_win() -> None:
    environment = job_environment({"PATH": "/ours"}, "/scratch", {"PATH": "/theirs", "HOME": "/kept"})
    assert environment == {"PATH": "/theirs", "HOME": "/kept", "TMPDIR": "/scratch"}
