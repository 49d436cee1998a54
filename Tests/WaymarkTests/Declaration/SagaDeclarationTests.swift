import PostgresPQ
import Testing

@testable import Waymark

/// What a declaration says of a saga, without anything being run.
@Suite struct SagaDeclarationTests {
    @Test func itHoldsWhatWasDeclared() throws {
        let ride = try SagaDeclaration(BookRide())
        #expect(ride.name == "book-ride")
        #expect(ride.version == 3)
        #expect(ride.requestType == "RideRequest")
        #expect(ride.responseType == "Confirmation")
        #expect(ride.steps.map(\.name) == ["ride_created", "charge_created", "receipt_staged"])
        #expect(ride.steps.map(\.inputType) == ["RideRequest", "Ride", "PaidRide"])
        #expect(ride.steps.map(\.outputType) == ["Ride", "PaidRide", "Confirmation"])
        let keyed = DeclaredStep.Kind.foreignCall(.keyed(horizon: .hours(24)))
        #expect(ride.steps.map(\.kind) == [.atomicPhase(.readCommitted), keyed, .atomicPhase(.repeatableRead)])
        #expect(ride.steps.map(\.timeout) == [.seconds(10), .seconds(20), .seconds(10)])
        #expect(ride.steps.map(\.retry) == [.exponential(), .exponential(attempts: 5), .exponential()])
        #expect(ride.steps.map(\.compensation?.kind) == [.atomicPhase(.readCommitted), keyed, nil])
        #expect(ride.steps.map(\.compensation?.timeout) == [.seconds(10), .seconds(30), nil])
        #expect(ride.sagaType is BookRide.Type)
    }

    @Test func theVersionIsOneUnlessDeclared() throws {
        #expect(try SagaDeclaration(Assembled([phase("a")])).version == 1)
    }

    @Test func recoveryPointsAreThoseARequestReaches() throws {
        #expect(
            try SagaDeclaration(BookRide()).recoveryPoints
                == ["started", "ride_created", "charge_created", "charge_created:undone", "finished"]
        )
        #expect(try SagaDeclaration(Assembled([phase("a")])).recoveryPoints == ["started", "finished"])
        let gaps = Assembled([phase("a").undonePhase(), phase("b"), call("c").undoneCall(), call("d"), phase("e")])
        #expect(
            try SagaDeclaration(gaps).recoveryPoints == ["started", "a", "b", "c", "d", "c:undone", "finished"]
        )
    }

    /// Whoever claims a key whose point is on the list must be able to go on from there.
    @Test func everyRecoveryPointButTheLastCanBeResumed() throws {
        let declaration = try SagaDeclaration(
            Assembled([phase("a").undonePhase(), call("b").undoneCall(), phase("c").undonePhase(), phase("d")])
        )
        for point in declaration.recoveryPoints.dropLast() {
            let direction: Direction = point.hasSuffix(":undone") ? .compensating : .forward
            let behind = declaration.plan.index(named: RecoveryPoint(point).step) ?? 0
            let machine = RunMachine(
                declaration: declaration,
                state: RunState(
                    direction: direction, recoveryPoint: point, attempts: 1,
                    done: (0..<behind).map { FinishedStep(step: $0) })
            )
            #expect(machine.next?.from == point)
        }
    }

    @Test(arguments: [
        ("started", 0), ("ride_created", 1), ("charge_created", 2), ("receipt_staged", 3), ("finished", 3),
        ("charge_created:undone", nil), ("elsewhere", nil), ("", nil),
    ])
    func stepsBehind(point: String, expected: Int?) throws {
        #expect(try SagaDeclaration(BookRide()).stepsBehind(point) == expected)
    }

    @Test func aStepMayBeMadeOfSteps() throws {
        struct Nested: Saga {
            static let name = "nested"
            var body: some Step<Int, Int> {
                phase("first")
                Steps(list: [call("second"), phase("third")])
                phase("fourth")
            }
        }
        #expect(try SagaDeclaration(Nested()).steps.map(\.name) == ["first", "second", "third", "fourth"])
    }

    @Test func theLongestSagaIsFine() throws {
        let steps = (1...Limits.stepsPerSaga).map { phase("s\($0)") }
        #expect(try SagaDeclaration(Assembled(steps)).recoveryPoints.count == Limits.stepsPerSaga + 1)
    }
}
