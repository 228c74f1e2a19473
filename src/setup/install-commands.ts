/** The command that installs what is missing, on the system at hand. */
import { readFileSync } from 'node:fs'

export type Tool = 'python' | 'venv' | 'compiler'
export type System = 'debian' | 'fedora' | 'macos' | 'other'

const commands: Record<System, Record<Tool, string>> = {
  debian: {
    python: 'sudo apt-get install python3 python3-venv',
    venv: 'sudo apt-get install python3-venv',
    compiler: 'sudo apt-get install g++',
  },
  fedora: {
    python: 'sudo dnf install python3',
    venv: 'sudo dnf install python3-libs',
    compiler: 'sudo dnf install gcc-c++',
  },
  macos: {
    python: 'brew install python@3.13',
    venv: 'brew install python@3.13',
    compiler: 'xcode-select --install',
  },
  other: {
    python: 'Python 3.10 or newer from the package manager of this system',
    venv: "Python's venv and ensurepip modules from the package manager of this system",
    compiler: 'g++ or clang++ from the package manager of this system',
  },
}

/** A sentence for a diagnostic's hint. */
export function howToInstall(tool: Tool, system: System = thisSystem()): string {
  return `Install it: ${commands[system][tool]}`
}

export function thisSystem(platform: NodeJS.Platform = process.platform, osRelease: string = readOsRelease()): System {
  if (platform === 'darwin') return 'macos'
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(osRelease)) return 'debian'
  if (/^ID(_LIKE)?=.*(fedora|rhel|centos)/m.test(osRelease)) return 'fedora'
  return 'other'
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8')
  } catch {
    return ''
  }
}
