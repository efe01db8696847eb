module example.test/devpush-example-go

go 1.22
