import DequeModule

/// Which units of work a connection has waiting and in flight, and what each answer of the server means for them.
///
/// It does no I/O: the connection tells it what happened and does what it says. A unit is a run of commands up to a
/// Sync, or a script. Answers come in the order of the commands, so two queues are all there is to it, except that
/// * units of an open transaction go first, and others wait until it has ended;
/// * a script has the connection to itself;
/// * while a cancel request is on its way, nothing is started that it might hit.
struct PipelineStateMachine {
    /// How many units may be in flight: enough to fill any network, few enough to bound what the server buffers.
    static let inFlightLimit = 1_024
    /// How often an ineffective cancel request is repeated before the connection is given up.
    static let cancelAttemptLimit = 40

    struct Unit: Sendable, Equatable {
        var id: Int
        /// The transaction it is part of.
        var transaction: Int?
        /// It ends that transaction, if it succeeds.
        var endsTransaction = false
        var isScript = false
    }

    /// One libpq command of a unit. The number is the index of the statement that it serves.
    enum Command: Equatable {
        case prepare(Int, name: String)
        case execute(Int, name: String?)
    }

    struct InFlight: Equatable {
        var unit: Unit
        var commands: [Command] = []
        var answered = 0
        var hasResult = false
        var hasFailed = false
        var isCancelWanted = false

        /// All commands have had their answers; the Sync may not.
        var isAnswered: Bool { answered == commands.count }
    }

    struct Cancellation: Equatable {
        var unitID: Int
        var isRequestRunning = true
        var attempts = 1
    }

    enum Phase: Equatable { case open, closing, closed }

    var phase = Phase.open
    var waiting: Deque<Unit> = []
    /// Units of the open transaction that wait; they go before ``waiting``.
    var waitingInTransaction: Deque<Unit> = []
    var inFlight: Deque<InFlight> = []
    /// The transaction that has the connection to itself.
    var transaction: Int?
    var cancellation: Cancellation?

    /// An answer is still to come.
    var expectsAnswer: Bool { !inFlight.isEmpty }
    /// Nothing is waiting or in flight.
    var isIdle: Bool { inFlight.isEmpty && waiting.isEmpty && waitingInTransaction.isEmpty }

    /// Takes a unit; `false` when the connection is closing or closed.
    mutating func enqueue(_ unit: Unit) -> Bool {
        // What belongs to an open transaction is taken while closing, so that the transaction can come to its end.
        let belongs = transaction != nil && unit.transaction == transaction
        guard phase == .open || (phase == .closing && belongs) else { return false }
        if belongs {
            waitingInTransaction.append(unit)
        } else {
            waiting.append(unit)
        }
        return true
    }

    /// The next unit to send, or `nil` when there is none or it has to wait. Call it until it returns `nil`.
    mutating func startNext() -> Unit? {
        guard phase != .closed, cancellation == nil, inFlight.count < Self.inFlightLimit else { return nil }
        if let first = inFlight.first, first.unit.isScript { return nil }
        guard let next = transaction == nil ? waiting.first : waitingInTransaction.first else { return nil }
        guard !next.isScript || inFlight.isEmpty else { return nil }
        if transaction == nil {
            waiting.removeFirst()
            if let started = next.transaction { begin(started) }
        } else {
            waitingInTransaction.removeFirst()
        }
        inFlight.append(InFlight(unit: next))
        return next
    }

    /// The unit that ``startNext()`` returned last was handed to libpq as these commands.
    mutating func started(_ commands: [Command]) {
        precondition(!inFlight.isEmpty, "no unit was started")
        inFlight[inFlight.count - 1].commands = commands
    }

    /// The connection is going to be closed: no new units, but the ones already taken are answered.
    mutating func close() {
        if phase == .open { phase = .closing }
    }

    /// The connection is gone. Returns the units that will never be answered, with whether they were sent.
    mutating func connectionLost() -> [(unit: Unit, isSent: Bool)] {
        let lost = inFlight.map { ($0.unit, true) } + (waitingInTransaction + waiting).map { ($0, false) }
        phase = .closed
        inFlight.removeAll()
        waiting.removeAll()
        waitingInTransaction.removeAll()
        cancellation = nil
        transaction = nil
        return lost
    }

    private mutating func begin(_ started: Int) {
        transaction = started
        guard waiting.contains(where: { $0.transaction == started }) else { return }
        waitingInTransaction = Deque(waiting.filter { $0.transaction == started })
        waiting.removeAll { $0.transaction == started }
    }

    /// The transaction is over; what came too late for it is left to fail on its own.
    mutating func endTransaction() {
        transaction = nil
        waiting.prepend(contentsOf: waitingInTransaction)
        waitingInTransaction.removeAll()
    }
}
