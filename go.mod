module github.com/gopgm/gopgm

go 1.26
