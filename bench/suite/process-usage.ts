/** CPU seconds and memory of a server and its children, out of /proc: what `top` shows, for any program. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Clock ticks a second in which the kernel counts CPU time. */
const ticks = Number(spawnSync('getconf', ['CLK_TCK']).stdout?.toString() ?? 100) || 100;

/** User and system time of the process, its children and their children, ended ones included. */
export function cpuSeconds(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + ticksIn(readProc(each, 'stat')), 0) / ticks;
}

/** User and system time of the thread that runs JavaScript's main program, which is the first. */
export function mainThreadSeconds(pid: number): number {
  return ticksIn(readProc(pid, `task/${pid}/stat`)) / ticks;
}

/** Resident memory now. */
export function residentBytes(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + statusBytes(readProc(each, 'status'), 'VmRSS'), 0);
}

/** The most resident memory since the last `resetPeak`. */
export function peakBytes(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + statusBytes(readProc(each, 'status'), 'VmHWM'), 0);
}

export function resetPeak(pid: number): void {
  for (const each of treeOf(pid)) {
    try {
      writeFileSync(`/proc/${each}/clear_refs`, '5');
    } catch {
      // Not allowed, or ended: the peak then counts from the process's start.
    }
  }
}

/** utime, stime and those of waited-for children, in ticks; the name before them may hold spaces and brackets. */
export function ticksIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
}

/** A field of /proc/PID/status, which counts in kB; 0 when absent. */
export function statusBytes(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status);
  return Number(match?.[1] ?? 0) * 1024;
}

function treeOf(pid: number): number[] {
  const children: number[] = [];
  for (const task of tasksOf(pid)) {
    for (const child of readProc(pid, `task/${task}/children`).split(' ')) {
      if (child !== '') {
        children.push(Number(child));
      }
    }
  }
  return [pid, ...children.flatMap(treeOf)];
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Empty when the process has ended: its figures then count as none. */
function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
