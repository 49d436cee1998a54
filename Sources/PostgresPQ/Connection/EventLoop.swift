import Foundation
import Synchronization

/// A serial executor that also waits for the sockets of its connections.
///
/// Whoever has the turn may touch the connections, one at a time. A caller takes the turn itself when it is free, so that
/// no other thread has to be woken for a statement to be sent; all else is left to the loop's thread, which reads the
/// sockets. A few loops serve all connections of the process: when many are busy, one wake-up serves several.
// Safe to share: the locks guard all that changes; `wires` belongs to whoever has the turn.
final class EventLoop: SerialExecutor, @unchecked Sendable {
    typealias Work = @Sendable () -> Void

    private struct Inbox {
        var work: [Work] = []
        /// The thread waits, or is about to, and has to be woken for new work.
        var isAsleep = false
    }

    /// One for two processors, because the callers need the others; more than four have nothing to do.
    private static let shared = (0..<min(4, max(1, ProcessInfo.processInfo.activeProcessorCount / 2))).map {
        EventLoop(name: "postgres.\($0)")
    }
    private static let count = Atomic(0)

    private let inbox = Mutex(Inbox())
    private let turn = Mutex(())
    /// The thread that has the turn.
    private let owner = Atomic<UInt>(0)
    private let alarm = WakeUpPipe()
    private var wires: [Wire] = []
    private var watches: [SocketWatch] = []

    /// The loop for the next connection.
    static func next() -> EventLoop {
        shared[count.add(1, ordering: .relaxed).oldValue % shared.count]
    }

    private init(name: String) {
        let thread = Thread { [self] in run() }
        thread.name = name
        thread.start()
    }

    /// Runs `work` at once if the turn is free, and otherwise leaves it to the thread. It comes behind what the same
    /// caller handed over before.
    func run(_ work: @escaping Work) {
        // What runs in the turn may be somebody else's code too, such as a log handler's.
        let hasTurn = owner.load(ordering: .relaxed) == Self.currentThread
        let isNext = inbox.withLock { $0.work.isEmpty }
        if isNext, !hasTurn, turn.withLockIfAvailable({ _ in own(work) }) != nil { return }
        enqueue(work)
    }

    /// Leaves `work` to the thread.
    func enqueue(_ work: @escaping Work) {
        let wasAsleep = inbox.withLock { inbox in
            inbox.work.append(work)
            defer { inbox.isAsleep = false }
            return inbox.isAsleep
        }
        if wasAsleep { alarm.ring() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        enqueue { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        precondition(owner.load(ordering: .relaxed) == Self.currentThread, "this is not the event loop's turn")
    }

    /// Begins to watch a socket. Like ``remove(_:)`` it must be called by who has the turn.
    func add(_ wire: Wire) {
        wires.append(wire)
    }

    func remove(_ wire: Wire) {
        wires.removeAll { $0 === wire }
    }

    /// Waits until the watch's socket is ready, and then ends the watch.
    func begin(_ watch: SocketWatch) {
        enqueue { self.watches.append(watch) }
    }

    /// Ends a watch before its socket is ready. Nothing happens where it has ended.
    func end(_ watch: SocketWatch) {
        enqueue { self.conclude(watch) }
    }

    private func conclude(_ watch: SocketWatch) {
        guard let index = watches.firstIndex(where: { $0 === watch }) else { return }
        watches.remove(at: index)
        watch.ended()
    }

    private static var currentThread: UInt {
        #if os(Linux)
        pthread_self()
        #else
        UInt(bitPattern: pthread_self())
        #endif
    }

    private func own(_ work: () -> Void) {
        owner.store(Self.currentThread, ordering: .relaxed)
        work()
        owner.store(0, ordering: .relaxed)
    }

    /// Does what there is to do, waits for more, and so for ever.
    private func run() {
        var watched: (wires: [Wire], sockets: [SocketWatch]) = ([], [])
        var descriptors: [pollfd] = []
        while true {
            turn.withLock { _ in
                own {
                    for work in takeWork() { work() }
                    for (wire, descriptor) in zip(watched.wires, descriptors) where descriptor.revents != 0 {
                        wire.became(ready: descriptor.revents)
                    }
                    let others = descriptors.dropFirst(watched.wires.count)
                    for (watch, descriptor) in zip(watched.sockets, others) where descriptor.revents != 0 {
                        conclude(watch)
                    }
                    watched = (wires, watches)
                    descriptors = wires.map(\.interest) + watches.map(\.interest) + [alarm.interest]
                }
            }
            let isIdle = inbox.withLock { inbox in
                inbox.isAsleep = inbox.work.isEmpty
                return inbox.isAsleep
            }
            poll(&descriptors, nfds_t(descriptors.count), isIdle ? -1 : 0)
            if descriptors[descriptors.count - 1].revents != 0 { alarm.silence() }
        }
    }

    private func takeWork() -> [Work] {
        inbox.withLock { inbox in
            inbox.isAsleep = false
            defer { inbox.work = [] }
            return inbox.work
        }
    }
}

/// A socket that is watched once: until it is ready, or until nobody waits for it any more.
final class SocketWatch: Sendable {
    /// The socket, and the events to wait for.
    let interest: pollfd
    /// Is called once, on the loop's thread, which does not look at the socket any more.
    let ended: @Sendable () -> Void

    init(_ descriptor: Int32, for events: Int32, ended: @escaping @Sendable () -> Void) {
        interest = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        self.ended = ended
    }
}

/// What another thread interrupts a `poll` with.
private struct WakeUpPipe {
    private let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [0, 0]
        // The loops of a process are made once, with its first connection.
        precondition(pipe(&ends) == 0, "there is no file descriptor left for an event loop")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    var interest: pollfd { pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0) }

    func ring() {
        // A pipe that is full will wake the loop as well.
        _ = write(writeEnd, "!", 1)
    }

    func silence() {
        var bytes: (UInt64, UInt64) = (0, 0)
        _ = read(readEnd, &bytes, MemoryLayout.size(ofValue: bytes))
    }
}
