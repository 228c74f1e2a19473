"""What a machine offers the proof: its card, the XLA plugin and its libraries, versions. Nothing is installed, nothing is changed."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from pathlib import Path


def query_card():
    """The first card as the driver tells of it, or why there is none."""
    fields = ["name", "driver_version", "memory.total", "compute_cap", "clocks.max.sm", "clocks.max.memory"]
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return dict(error=f"nvidia-smi: {error}"[:300])
    return dict(zip(fields, (word.strip() for word in told.splitlines()[0].split(","))))


def package_folders(name):
    spec = importlib.util.find_spec(name)
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []


def version_of(*names):
    """Of the first of these packages that is installed."""
    for name in names:
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def find_plugin():
    """XLA's CUDA plugin of the Python that runs this, or None."""
    for build in ("xla_cuda13", "xla_cuda12"):
        for folder in package_folders("jax_plugins"):
            plugin = folder / build / "xla_cuda_plugin.so"
            if plugin.exists():
                return plugin
    return None


def library_folders():
    """Where NVIDIA's Python packages keep what the plugin opens."""
    folders = {lib for root in package_folders("nvidia") for lib in root.glob("*/lib") if any(lib.glob("*.so*"))}
    return sorted(str(folder) for folder in folders)


def find_compiler_data():
    """The folder with bin/ptxas and nvvm/libdevice that the plugin compiles with, or None."""
    nvcc = shutil.which("nvcc")
    roots = [root / part for root in package_folders("nvidia") for part in ("cu13", "cuda_nvcc")]
    roots += [Path(nvcc).resolve().parents[1]] if nvcc else []
    roots += [Path(os.environ["CUDA_HOME"])] if os.environ.get("CUDA_HOME") else []
    roots += [Path("/usr/local/cuda")]
    for root in roots:
        if (root / "bin/ptxas").exists() and (root / "nvvm/libdevice/libdevice.10.bc").exists():
            return str(root)
    return None


def describe(device, plugin):
    """`plugin` overrules what is found."""
    found = Path(plugin).resolve() if plugin else find_plugin()
    return dict(
        device=device,
        card=query_card() if device == "cuda" else None,
        plugin=str(found) if found else None,
        plugin_version=version_of("jax-cuda13-pjrt", "jax-cuda12-pjrt") if not plugin else found.name,
        library_folders=library_folders() if device == "cuda" else [],
        compiler_data=find_compiler_data() if device == "cuda" else None,
        torch=version_of("torch"),
        triton=version_of("triton"),
        jax=version_of("jax"),
        python=platform.python_version(),
        libc=" ".join(platform.libc_ver()),
        kernel=platform.release(),
        cores=os.cpu_count(),
    )
