// Stands in for @vscode/spdlog, VS Code's native logger, so that nothing has to be compiled: it writes
// the same files, without rotating them. Without any logger the output channels stay empty.
const { appendFileSync, mkdirSync } = require('node:fs');
const { dirname } = require('node:path');

const names = ['trace', 'debug', 'info', 'warn', 'error', 'critical'];

class Logger {
  constructor(_kind, _name, file) {
    mkdirSync(dirname(file), { recursive: true });
    this.file = file;
    this.level = 2;
    this.formatted = true;
    names.forEach((name, level) => {
      this[name] = (message) => {
        if (level < this.level) return;
        const time = new Date().toISOString().replace('T', ' ').slice(0, -1);
        appendFileSync(this.file, this.formatted ? `${time} [${name}] ${message}\n` : message);
      };
    });
  }
  getLevel() {
    return this.level;
  }
  setLevel(level) {
    this.level = level;
  }
  clearFormatters() {
    this.formatted = false;
  }
  setPattern() {}
  flush() {}
  drop() {}
}

const create = async (...settings) => new Logger('rotating', ...settings);

// One by one, which is how names of a CommonJS module become those of an import.
exports.Logger = Logger;
exports.createRotatingLogger = create;
exports.createAsyncRotatingLogger = create;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
